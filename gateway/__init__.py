"""The SIP call-control gateway: decides what happens to a ringing phone call before an AI answers it.

The way of a call through the modules:

    webhooks.routes → webhooks.signature → upstream.wire → webhooks.intake → routing_rules.decide → actions.plan
        → webhooks.storing → journal → actions.worker → upstream.client → actions.retry → journal
        → monitor.watcher → upstream.sideband → monitor.activity → actions.moves → journal

Packages are nouns; from left to right, each may import those before it:

    access  calls  profiles  rulebook  upstream  actions  monitor  webhooks  subscribers  console

`app` puts everything together; `api`, `cli` and `emulator` are the other doors. See docs/ for the rest.
"""
