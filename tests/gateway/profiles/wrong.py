"""Wrong profiles: each a mistake that somebody makes, its place, and words that its message must hold."""

from typing import Any

FUNCTION = {"type": "function", "name": "book_table", "parameters": {"type": "object"}}
MCP = {
    "type": "mcp",
    "server_label": "crm",
    "server_url": "https://crm.example.com/mcp",
    "require_approval": "never",
    "allowed_tools": ["find_customer"],
}


def model(**fields: Any) -> dict[str, Any]:
    return {"model": "gpt-realtime-2.1", **fields}


def heard(**fields: Any) -> dict[str, Any]:
    return model(audio={"input": fields})


def said(**fields: Any) -> dict[str, Any]:
    return model(audio={"output": fields})


# What is wrong → (profile, pointer, words of the message).
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    # Names
    "a field misspelt": (model(instructons="Sell."), "/instructons", "did you mean 'instructions'"),
    "a field deep inside misspelt": (said(voise="marin"), "/audio/output/voise", "did you mean 'voice'"),
    "a field that is nowhere": (model(colour="blue"), "/colour", "goes into `extra`"),
    "a field misspelt for Live": (model(live={"instructons": "x"}), "/live/instructons", "did you mean 'instructions'"),
    "a format for Live": (model(live={"audio": {"format": {}}}), "/live/audio/format", "unknown field"),
    "a delegation without its table": (
        model(live={"delegation": {"type": "responses"}}),
        "/live/delegation/responses",
        "missing",
    ),
    "a field of the beta": (model(voice="marin"), "/voice", "today audio.output.voice"),
    "another field of the beta": (model(modalities=["audio"]), "/modalities", "gateway profiles upgrade"),
    "what the beta had and nobody has": (model(temperature=0.8), "/temperature", "it was removed"),
    "a key in the audio that belongs beside it": (model(audio={"voice": "marin"}), "/audio/voice", "unknown field"),
    "a realtime field in a transcription": (
        {"type": "transcription", "instructions": "x"},
        "/instructions",
        "belongs to the type 'realtime' only",
    ),
    # Types
    "a number as text": (said(speed="1.1"), "/audio/output/speed", "must be a number, not a text"),
    "instructions as a list": (model(instructions=["Sell."]), "/instructions", "must be a text, not a list"),
    "a truth as text": (model(parallel_tool_calls="yes"), "/parallel_tool_calls", "must be true or false"),
    "a table as text": (model(audio="loud"), "/audio", "must be a table, not a text"),
    "a list as a table": (model(tools={"f": FUNCTION}), "/tools", "must be a list, not a table"),
    "null": (model(instructions=None), "/instructions", "not null"),
    "seconds with a fraction": (model(max_seconds=90.5), "/max_seconds", "must be a whole number"),
    "an empty text": (model(greeting=""), "/greeting", "is empty"),
    # Ranges
    "too fast": (said(speed=2), "/audio/output/speed", "must be at most 1.5, not 2"),
    "too slow": (said(speed=0.1), "/audio/output/speed", "must be at least 0.25"),
    "too many tokens": (model(max_output_tokens=5000), "/max_output_tokens", "must be at most 4096"),
    "far too many": (model(max_output_tokens=10**400), "/max_output_tokens", "10000"),
    "no tokens": (model(max_output_tokens=0), "/max_output_tokens", "must be at least 1"),
    "a threshold above one": (
        heard(turn_detection={"type": "server_vad", "threshold": 1.5}),
        "/audio/input/turn_detection/threshold",
        "must be at most 1",
    ),
    "padding below zero": (
        heard(turn_detection={"type": "server_vad", "prefix_padding_ms": -1}),
        "/audio/input/turn_detection/prefix_padding_ms",
        "must be at least 0",
    ),
    "a ratio above one": (
        model(truncation={"type": "retention_ratio", "retention_ratio": 80}),
        "/truncation/retention_ratio",
        "must be at most 1",
    ),
    "longer than a day": (model(max_seconds=100_000), "/max_seconds", "must be at most 86400"),
    "silence of a second": (model(silence={"seconds": 1}), "/silence/seconds", "must be at least 5"),
    # Words
    "an unknown word": (
        heard(turn_detection={"type": "semantic_vad", "eagerness": "hihg"}),
        "/audio/input/turn_detection/eagerness",
        "did you mean 'high'",
    ),
    "an unknown effort": (model(reasoning={"effort": "extreme"}), "/reasoning/effort", "'xhigh', not 'extreme'"),
    "an unknown kind of turn detection": (
        heard(turn_detection={"type": "client_vad"}),
        "/audio/input/turn_detection/type",
        "must be 'server_vad' or 'semantic_vad'",
    ),
    "turn detection of no kind": (
        heard(turn_detection={"threshold": 0.5}),
        "/audio/input/turn_detection/type",
        "'server_vad' or 'semantic_vad'",
    ),
    "an idle timeout without server_vad": (
        heard(turn_detection={"type": "semantic_vad", "idle_timeout_ms": 8000}),
        "/audio/input/turn_detection/idle_timeout_ms",
        "belongs to the type 'server_vad' only",
    ),
    "an unknown format": (heard(format={"type": "audio/opus"}), "/audio/input/format/type", "'audio/pcma'"),
    "a rate that is not": (heard(format={"type": "audio/pcm", "rate": 8000}), "/audio/input/format/rate", "24000"),
    "an unknown session": (model(type="realtme"), "/type", "did you mean 'realtime'"),
    "an unknown truncation": (model(truncation="off"), "/truncation", "must be 'auto' or 'disabled'"),
    "an unknown inclusion": (model(include=["logprobs"]), "/include/0", "logprobs"),
    "a voice of no form": (said(voice={}), "/audio/output/voice/id", "the field 'id' is missing"),
    "a voice as a list": (said(voice=["marin"]), "/audio/output/voice", "must be a text or a table"),
    # What types cannot say
    "text and audio": (model(output_modalities=["text", "audio"]), "/output_modalities", "cannot both be had"),
    "no modality": (model(output_modalities=[]), "/output_modalities", "is empty"),
    "an MCP server that is nowhere": (
        model(tools=[{"type": "mcp", "server_label": "crm", "require_approval": "never"}]),
        "/tools/0",
        "exactly one of server_url, connector_id and tunnel_id; none is given",
    ),
    "an MCP server in two places": (
        model(tools=[{**MCP, "tunnel_id": "t"}]),
        "/tools/0",
        "server_url and tunnel_id are given",
    ),
    "an MCP server without a scheme": (
        model(tools=[{**MCP, "server_url": "crm.example.com"}]),
        "/tools/0/server_url",
        "write a whole address",
    ),
    "a tool of an unknown kind": (model(tools=[{"type": "funtion", "name": "f"}]), "/tools/0/type", "'function'"),
    "a tool of no kind": (model(tools=[{"name": "f"}]), "/tools/0/type", "is missing: 'function' or 'mcp'"),
    "a function's name with a space": (
        model(tools=[{"type": "function", "name": "book table"}]),
        "/tools/0/name",
        "letters, digits",
    ),
    "two functions of one name": (model(tools=[FUNCTION, FUNCTION]), "/tools/1/name", "called 'book_table' already"),
    "a tool that is chosen and not there": (
        model(tools=[FUNCTION], tool_choice={"type": "function", "name": "book_tabel"}),
        "/tool_choice/name",
        "did you mean 'book_table'",
    ),
    "a server that is chosen and not there": (
        model(tools=[MCP], tool_choice={"type": "mcp", "server_label": "erp"}),
        "/tool_choice/server_label",
        "no MCP server 'erp'",
    ),
    "a tool that its server may not use": (
        model(tools=[MCP], tool_choice={"type": "mcp", "server_label": "crm", "name": "drop_table"}),
        "/tool_choice/name",
        "not among the server's `allowed_tools`",
    ),
    "a tool is required and none there": (model(tool_choice="required"), "/tool_choice", "no tool"),
    "reasoning of a model that does not": (
        {"model": "gpt-realtime-1.5", "reasoning": {"effort": "low"}},
        "/reasoning",
        "only reasoning models",
    ),
    "parallel calls of a model that does not": (
        {"model": "gpt-realtime-1.5", "parallel_tool_calls": True},
        "/parallel_tool_calls",
        "only reasoning models",
    ),
    "keywords for a transcriber that takes none": (
        heard(transcription={"model": "gpt-realtime-whisper", "keywords": ["Example"]}),
        "/audio/input/transcription/keywords",
        "gpt-live-transcribe, gpt-transcribe",
    ),
    "turns in a whispered transcription": (
        {
            "type": "transcription",
            "audio": {
                "input": {
                    "transcription": {"model": "gpt-realtime-whisper"},
                    "turn_detection": {"type": "server_vad"},
                }
            },
        },
        "/audio/input/turn_detection",
        'write "off"',
    ),
    # Beyond the session
    "what is known goes its own way": (
        model(extra={"audio": {"output": {"voice": "ash"}}}),
        "/extra/audio/output/voice",
        "write it into the profile itself",
    ),
    "what is known of a tool too": (
        model(tools=[{**FUNCTION, "extra": {"name": "g"}}]),
        "/tools/0/extra/name",
        "write it into the profile itself",
    ),
    "metadata that is no text": (model(metadata={"team": 7}), "/metadata/team", "must be a text, not a number (7)"),
    "a parent that is not there": (model(extends="bose"), "/extends", "did you mean 'base'"),
    "a variable with an unknown zone": (model(instructions="{now:Europe/Berln}"), "/instructions", "time zone"),
    "a list that is not there": (model(greeting="{caller_in:vips}"), "/greeting", "did you mean 'vip'"),
    "an unknown list while nobody speaks": (
        model(silence={"seconds": 9, "say": "{called_in:x}"}),
        "/silence/say",
        "there is no list 'x'",
    ),
}
