"""What is counted, under which names and labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import COMMIT_SECONDS, MOST_RULES, Metrics, _Distribution


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample by its name and label values."""
    text = metrics.render()[0].decode()
    return {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name != "le")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def test_what_happened_is_counted_once(metrics):
    metrics.delivery_answered("openai", "new", 200, 0.002)
    metrics.call_decided("accept", "sales-open")
    metrics.call_decided("reject", None)
    metrics.decision_sent(0.15)
    metrics.call_advanced("accepted")
    metrics.upstream_attempted("openai", "accept", "done", 0.1)
    metrics.journal_committed(entries=3, seconds=0.001, waiting=2)
    metrics.connection_cut("slow_head")
    metrics.watch_actions(lambda: 5)
    metrics.watch_calls(lambda: 7)
    metrics.watch_overrides(lambda: 2)
    found = {key: value for key, value in samples(metrics).items() if key[0].startswith("gateway_")}
    assert found.pop(("gateway_build_info", found_version(metrics))) == 1
    assert found == {
        ("gateway_deliveries_total", "openai", "200", "new"): 1,
        ("gateway_webhook_seconds_count",): 1,
        ("gateway_webhook_seconds_sum",): 0.002,
        ("gateway_decisions_total", "accept", "sales-open"): 1,
        ("gateway_decisions_total", "reject", "(default)"): 1,
        ("gateway_ring_to_decision_seconds_count",): 1,
        ("gateway_ring_to_decision_seconds_sum",): 0.15,
        ("gateway_call_states_total", "accepted"): 1,
        ("gateway_upstream_attempts_total", "accept", "openai", "done"): 1,
        ("gateway_upstream_attempt_seconds_count", "accept"): 1,
        ("gateway_upstream_attempt_seconds_sum", "accept"): 0.1,
        ("gateway_actions_open",): 5,
        ("gateway_calls_watched",): 7,
        ("gateway_overrides_live",): 2,
        ("gateway_journal_batch_entries_count",): 1,
        ("gateway_journal_batch_entries_sum",): 3,
        ("gateway_journal_commit_seconds_count",): 1,
        ("gateway_journal_commit_seconds_sum",): 0.001,
        ("gateway_journal_waiting",): 2,
        ("gateway_connections_cut_total", "slow_head"): 1,
    }


def found_version(metrics: Metrics) -> str:
    return next(key[1] for key in samples(metrics) if key[0] == "gateway_build_info")


def test_every_metric_says_what_it_means(metrics):
    families = list(text_string_to_metric_families(metrics.render()[0].decode()))
    assert len(families) > 12
    assert all(len(family.documentation) > 15 for family in families)


def test_rules_beyond_the_cap_share_one_series(metrics):
    for number in range(MOST_RULES + 50):
        metrics.call_decided("accept", f"rule-{number}")
    metrics.call_decided("accept", "rule-0")
    found = samples(metrics)
    assert len([key for key in found if key[0] == "gateway_decisions_total"]) == MOST_RULES + 1
    assert found["gateway_decisions_total", "accept", "(other)"] == 50
    assert found["gateway_decisions_total", "accept", "rule-0"] == 2


def test_overrides_share_one_series_since_their_ids_never_come_again(metrics):
    for number in range(MOST_RULES + 50):
        metrics.call_decided("reject", f"override:o-{number}")
    metrics.call_decided("accept", "sales")
    found = samples(metrics)
    assert found["gateway_decisions_total", "reject", "(override)"] == MOST_RULES + 50
    assert found["gateway_decisions_total", "accept", "sales"] == 1


def test_an_endpoint_that_a_client_made_up_is_no_label(metrics):
    for number in range(100):
        metrics.delivery_answered(f"+1415555{number:04}", "unknown_endpoint", 404, 0.001)
    assert samples(metrics)["gateway_deliveries_total", "(unknown)", "404", "unknown_endpoint"] == 100
    assert b"+1415555" not in metrics.render()[0]


def test_the_process_is_described(metrics):
    assert any(key[0] == "python_info" for key in samples(metrics))


def test_two_gateways_in_one_process_count_apart(metrics):
    other = Metrics()
    metrics.decision_sent(0.1)
    assert samples(metrics)["gateway_ring_to_decision_seconds_count",] == 1
    assert samples(other)["gateway_ring_to_decision_seconds_count",] == 0


def test_the_content_type_is_prometheus_text(metrics):
    assert metrics.render()[1].startswith("text/plain; version=")


def test_the_days_until_a_shutdown_are_those_of_what_is_in_force(metrics):
    ends = {("model", "gpt-realtime"): 60, ("feature", "prompt"): -1}
    metrics.watch_shutdowns(lambda: ends)
    name = "gateway_profile_shutdown_days"
    found = {key[1:]: value for key, value in samples(metrics).items() if key[0] == name}
    assert sorted(found.values()) == [-1, 60]
    ends.clear()
    assert not [key for key in samples(metrics) if key[0] == name]


@given(st.lists(st.one_of(st.sampled_from(COMMIT_SECONDS), st.integers(0, 5).map(lambda eighths: eighths / 8))))
def test_a_distribution_reads_as_the_librarys_histogram(values):
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    distribution = _Distribution("x_seconds", "What it means.", registry=ours, buckets=COMMIT_SECONDS)
    histogram = Histogram("x_seconds", "What it means.", registry=theirs, buckets=COMMIT_SECONDS)
    for value in values:
        distribution.observe(value)
        histogram.observe(value)
    assert generate_latest(ours) == generate_latest(theirs)
