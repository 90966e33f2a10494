"""Right profiles, each with the session that must reach the upstream on a phone call, byte for byte."""

from typing import Any

from tests.gateway.profiles.wrong import FUNCTION, MCP, heard, model, said

SEMANTIC = {"type": "semantic_vad", "eagerness": "low", "create_response": True, "interrupt_response": False}
SERVER = {
    "type": "server_vad",
    "threshold": 0.6,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 650,
    "idle_timeout_ms": 8000,
}

# Sent as they are written.
_PLAIN: dict[str, dict[str, Any]] = {
    "only a model": model(),
    "instructions": model(instructions="Verkaufe höflich – und \u201ckurz\u201d."),
    "long instructions": model(instructions="x" * 20_000),
    "braces that are no variables": model(instructions='Answer as {"name": "…"}; {order_number_of_the_customer}.'),
    "a voice": said(voice="cedar"),
    "a voice of one's own": said(voice={"id": "voice_1234"}),
    "a speed": said(speed=1.25),
    "a whole speed": said(speed=1),
    "noise near": heard(noise_reduction={"type": "near_field"}),
    "noise far and strong": heard(noise_reduction={"type": "far_field", "strength": 0.8}),
    "null noise reduction": heard(noise_reduction=None),
    "semantic turns": heard(turn_detection=SEMANTIC),
    "turns by loudness": heard(turn_detection=SERVER),
    "null turns": heard(turn_detection=None),
    "listening only": heard(turn_detection={"type": "server_vad", "create_response": False}),
    "transcription": heard(transcription={"model": "gpt-transcribe", "language": "de", "prompt": "Order numbers."}),
    "transcription of several languages": heard(
        transcription={"model": "gpt-live-transcribe", "languages": ["de", "en"], "keywords": ["Examplinator"]}
    ),
    "transcription with a delay": heard(transcription={"model": "gpt-realtime-whisper", "delay": "low"}),
    "tokens": model(max_output_tokens=4096),
    "tokens without end": model(max_output_tokens="inf"),
    "audio": model(output_modalities=["audio"]),
    "inclusion": model(include=["item.input_audio_transcription.logprobs"]),
    "reasoning": model(reasoning={"effort": "minimal"}, parallel_tool_calls=False),
    "a function": model(tools=[FUNCTION], tool_choice="auto"),
    "a function without arguments": model(tools=[{"type": "function", "name": "hang_up"}]),
    "a function that is chosen": model(tools=[FUNCTION], tool_choice={"type": "function", "name": "book_table"}),
    "a tool is required": model(tools=[FUNCTION], tool_choice="required"),
    "no tool for now": model(tools=[FUNCTION], tool_choice="none"),
    "an MCP server": model(tools=[MCP]),
    "an MCP server that is chosen": model(
        tools=[MCP, FUNCTION], tool_choice={"type": "mcp", "server_label": "crm", "name": "find_customer"}
    ),
    "an MCP server by a tunnel": model(
        tools=[
            {
                "type": "mcp",
                "server_label": "erp",
                "tunnel_id": "tunnel_1",
                "authorization": "token",
                "headers": {"X-Tenant": "acme"},
                "allowed_tools": {"read_only": True},
                "require_approval": "never",
                "server_description": "Orders.",
                "allowed_callers": ["direct"],
                "defer_loading": True,
            }
        ]
    ),
    "a connector": model(
        tools=[
            {
                "type": "mcp",
                "server_label": "calendar",
                "connector_id": "connector_googlecalendar",
                "authorization": "token",
                "require_approval": "never",
            }
        ]
    ),
    "truncation": model(truncation="disabled"),
    "truncation by a ratio": model(
        truncation={"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8000}}
    ),
    "tracing": model(tracing="auto"),
    "tracing by name": model(tracing={"workflow_name": "sales", "group_id": "g", "metadata": {"a": 1}}),
    "no tracing": model(tracing=None),
}

# What is right → (profile, session).
RIGHT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    **{name: (profile, profile) for name, profile in _PLAIN.items()},
    "the type may be written": (model(type="realtime"), model()),
    "turns off, as TOML can write it": (heard(turn_detection="off"), heard(turn_detection=None)),
    "tracing off": (model(tracing="off"), model(tracing=None)),
    "new fields": (
        model(extra={"mood": "calm", "audio": {"output": {"echo": False}}}),
        model(mood="calm", audio={"output": {"echo": False}}),
    ),
    "new fields of a tool": (
        model(tools=[{**FUNCTION, "extra": {"strict": True}}]),
        model(tools=[{**FUNCTION, "strict": True}]),
    ),
    "what the gateway does": (
        model(
            note="the main line",
            greeting="Good day!",
            max_seconds=1800,
            silence={"seconds": 20, "say": "Are you there?", "times": 2},
            metadata={"team": "sales"},
        ),
        model(),
    ),
    "what the other surface gets": (
        model(
            live={
                "model": "gpt-live-1",
                "instructions": "Be brief.",
                "audio": {"output": {"voice": "willow"}},
                "delegation": {"type": "responses", "responses": {"model": "gpt-5", "tools": []}},
                "store": False,
            }
        ),
        model(),
    ),
    "an heir": (
        {"extends": "base", "audio": {"output": {"speed": 1.1}}},
        model(instructions="You answer for Example Ltd.", audio={"output": {"voice": "marin", "speed": 1.1}}),
    ),
    "an heir that says otherwise": (
        {"extends": "base", "instructions": "You sell.", "model": "gpt-realtime-2"},
        {"model": "gpt-realtime-2", "instructions": "You sell.", "audio": {"output": {"voice": "marin"}}},
    ),
    "variables": (
        model(instructions="You answer {called} for {caller_country}; a regular: {caller_in:vip}."),
        model(instructions="You answer +15551230000 for DE; a regular: yes."),
    ),
}
