"""Files that do not load: every problem at once, each at its line and column, with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from cueworker.supervisor.config import ConfigError, Overrides, load_config

KEY = "cue_sk_0123456789abcdef0123456789abcdef"
HANDLERS = "handlers: {say: echo}\n"


def problems(folder: Path, text: str, overrides: Overrides | None = None) -> list[str]:
    """What is wrong, each as `line:column: message (remedy)`."""
    path = folder / "c.yaml"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    environ = {"HOME": str(folder), "CUEAPI_API_KEY": KEY}
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides or Overrides(), environ)
    assert str(caught.value) == "\n".join(str(problem) for problem in caught.value.problems)
    return [str(problem).removeprefix(f"{path}:").strip() for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("workers: 0", "1:10: workers must be a whole number from 1 to 1024, not '0'"),
        ("workers: 1025", "1:10: workers must be"),
        ("workers: 2.5", "1:10: workers must be a whole number"),
        ("workers: yes", "1:10: workers must be a whole number"),
        ("workers: '4'", "1:10: workers must be a whole number"),
        ("max_concurrent: -1", "1:17: max_concurrent must be"),
        ("poll_interval: 0", "1:16: poll_interval must be auto, or a number of seconds above 0"),
        ("poll_interval: automatic", "1:16: poll_interval must be auto, or"),
        ("poll_interval: .nan", "1:16: poll_interval must be"),
        ("heartbeat_interval: .inf", "1:21: heartbeat_interval must be"),
        ("heartbeat_interval: false", "1:21: heartbeat_interval must be"),
        ("handler_timeout: 5 weeks", "1:18: handler_timeout must be"),
        ("handler_timeout: 1e300", "1:18: handler_timeout must be"),
        ("handler_timeout: [1]", "1:18: handler_timeout must be a number of seconds above 0"),
        ("kill_grace: -1", "1:13: kill_grace must be a number of seconds from 0 on"),
        ("max_executions: 0", "1:17: max_executions must be a whole number from 1 on"),
        ("max_memory: 512", "1:13: max_memory must be a size from 32M on, such as 512M or 2G, not '512'"),
        ("max_memory: lots", "1:13: max_memory must be a size"),
        ("max_memory: 5000T", "1:13: max_memory must be a size"),
        ("max_age: 0.5", "1:10: max_age must be a number of seconds from 1 on"),
        ("max_worker_age: 1h", "1:1: unknown key 'max_worker_age' at the top level (did you mean max_age?)"),
        ("state_dir: 5", "1:12: state_dir must be text, not '5' (put quotes around it)"),
        ("email: {a: b}", "1:8: email must be text, not a mapping"),
        ("on_lease_lost: Kill", "1:16: on_lease_lost must be kill or finish, not 'Kill'"),
        ("worker_id: 'Bücher'", "1:12: worker_id must be 1 to 255 printable ASCII characters"),
        ("worker_id: ' a'", "1:12: worker_id must be"),
        ("worker_id: ''", "1:12: worker_id must be"),
        ('worker_id: "a\\n"', "1:12: worker_id must be"),
        (f"worker_id: {'x' * 256}", "1:12: worker_id must be"),
        ("worker_id: !secret a", "1:12: worker_id must be"),
        ("api_key: 12345", "1:10: api_key must be text in quotes"),
        ("api_key: two words", "1:10: the API key holds spaces"),
        ("api_key: schlüssel", "1:10: the API key holds spaces or characters outside of ASCII"),
        ("api_base: api.cueapi.ai", "1:11: api_base must begin with https:// or http://"),
        ("api_base: 'https://'", "1:11: api_base must be a URL with a host"),
        ("api_base: https://me:hush@cue.example.org", "1:11: api_base must not hold a user name"),
        ("api_base: https://cue.example.org/?a=b", "1:11: api_base must not have a query"),
        ("api_base: https://cue.example.org:99999", "1:11: api_base is not a valid URL"),
        ("api_base: 'https://[::1'", "1:11: api_base is not a valid URL"),
        ('state_dir: "a\\0b"', "1:12: state_dir must be text"),
        ('state_dir: "a\\ud800b"', "1:12: state_dir must be text"),
    ],
)
def test_a_setting_that_is_wrong(tmp_path: Path, line: str, expected: str) -> None:
    (problem,) = problems(tmp_path, f"{line}\n{HANDLERS}")
    assert problem.startswith(expected)
    assert "hush" not in problem


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("worker: 4", "did you mean workers?"),
        ("Workers: 4", "did you mean workers?"),
        ("pol_interval: 4", "did you mean poll_interval?"),
        ("heartbeat-interval: 4", "did you mean heartbeat_interval?"),
        ("api-key: x", "did you mean api_key?"),
        ("base_url: x", "did you mean api_base?"),
        ("handler: {}", "did you mean handlers?"),
        ("timeout: 4", "did you mean handler_timeout?"),
        ("cwd: /tmp", "cwd belongs inside a handler"),
        ("templates: paste", "templates belongs inside a handler"),
    ],
)
def test_a_misspelt_setting(tmp_path: Path, line: str, advice: str) -> None:
    key = line.partition(":")[0]
    (problem,) = problems(tmp_path, f"{line}\n{HANDLERS}")
    assert problem == f"1:1: unknown key '{key}' at the top level ({advice})"


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("", "2:3: handler 't' must be a command, or a mapping with cmd or argv, not nothing"),
        ("5", "2:6: handlers.t must be a shell command, not '5' (put quotes around it)"),
        ("true", "2:6: handlers.t must be a shell command, not 'true' (put quotes around it)"),
        ("' '", "2:6: the command of handler 't' is empty"),
        ("[ls, -l]", "2:6: handler 't' must be a command, or a mapping with cmd or argv, not a list (for a"),
        ("!!python/name:os.system x", "2:6: handlers.t must be a shell command, not a value with the tag"),
        ("{cwd: /}", "2:3: handler 't' has no command (give it cmd or argv)"),
        ("{cmd: }", "2:7: handler 't' has no command"),
        ("{cmd: a, argv: [b]}", "2:15: handler 't' has cmd and argv (keep one of them)"),
        ('{cmd: "a\\0b"}', "2:12: handlers.t.cmd must be a shell command"),
        ("{argv: ls}", "2:13: handlers.t.argv must be a list of a program and its arguments, not a single"),
        ("{argv: []}", "2:13: handlers.t.argv must be a list of a program and its arguments, not an empty"),
        ("{argv: [ls, [a]]}", "2:18: handlers.t.argv[1] must be text, not a list"),
        ("{argv: [ls, ~]}", "2:18: handlers.t.argv[1] is empty (write '' for an empty argument)"),
        ("{argv: ['', a]}", "2:14: handlers.t.argv names no program"),
        ("{argv: [a], templates: paste}", "2:18: templates: is for cmd"),
        ("{cmd: a, templates: jinja}", "2:26: handlers.t.templates must be paste, not 'jinja'"),
        ("{cmd: a, timeout: 0}", "2:24: handlers.t.timeout must be a number of seconds above 0"),
        ("{cmd: a, cwd: [b]}", "2:20: handlers.t.cwd must be text, not a list"),
        ("{cmd: a, on_lease_lost: wait}", "2:30: handlers.t.on_lease_lost must be kill or finish"),
        ("{cmd: a, env: [B=c]}", "2:20: handlers.t.env must be a mapping, not a list"),
        ("{cmd: a, env: {B: [c]}}", "2:24: handlers.t.env.B must be a single value, not a list"),
        ("{cmd: a, env: {B=C: d}}", "2:21: 'B=C' cannot be the name of an environment variable"),
        ("{cmd: a, env: {'': d}}", "2:21: '' cannot be the name of an environment variable"),
        ("{cmd: a, env: {CUEWORKER_T1: d}}", "2:21: the variable CUEWORKER_T1 is reserved"),
        ("{cmd: a, env: {CUEWORKER_EXECUTION: d}}", "2:21: the variable CUEWORKER_EXECUTION is reserved"),
        ('{cmd: a, env: {B: "c\\0"}}', "2:24: handlers.t.env.B holds a character that no environment"),
        ("{cmd: a, timout: 5}", "2:15: unknown key 'timout' in handler 't' (did you mean timeout?)"),
        ("{cmd: a, handler_timeout: 5}", "2:15: unknown key 'handler_timeout' in handler 't' (did you mean"),
        ("{cmd: a, workers: 5}", "2:15: unknown key 'workers' in handler 't' (workers belongs at the top"),
        ("{cmd: a, [b]: c}", "2:15: a key must be plain text"),
    ],
)
def test_a_handler_that_is_wrong(tmp_path: Path, handler: str, expected: str) -> None:
    (problem,) = problems(tmp_path, f"handlers:\n  t: {handler}\n  good: echo\n")
    assert problem.startswith(expected)


def test_a_misspelt_command_is_two_problems(tmp_path: Path) -> None:
    assert problems(tmp_path, "handlers:\n  t:\n    comand: echo\n") == [
        "2:3: handler 't' has no command (give it cmd or argv)",
        "3:5: unknown key 'comand' in handler 't' (did you mean cmd?)",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        "t: {{ payload.x }}",
        "t: {cmd: {{ payload.x }}}",
        "t:\n    cmd: {{ payload.x }} now",
        "t: {argv: [a, {{ payload.x }}]}",
        "t:\n    cmd: a\n    cwd: {{ payload.x }}/b",
        "t: {cmd: a, env: {B: {{ payload.x }}}}",
        "t: {cmd: a, env: {{ payload.x }}}",
    ],
)
def test_a_template_without_quotes(tmp_path: Path, lines: str) -> None:
    found = problems(tmp_path, f"handlers:\n  {lines}\n")
    assert any('a value that begins with a template needs quotes: "{{ … }}"' in problem for problem in found)


def test_all_problems_are_shown_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
handlers:
  a: {cmd: echo, timeout: never}
  b: echo `date` {{ payload.x }}
  a: {cmd: echo}
workers: 0
kill_grac: 3
"""
    assert [problem.partition(" ")[0] for problem in problems(tmp_path, text)] == [
        "2:27:",
        "3:11:",
        "4:3:",
        "5:10:",
        "6:1:",
    ]


@pytest.mark.parametrize("text", ["workers: 1\n", "handlers:\n", "handlers: {}\n", "handlers: ~\n"])
def test_no_handlers(tmp_path: Path, text: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("1:1: there are no handlers")


@pytest.mark.parametrize("handlers", ["[a]", "echo", "5"])
def test_handlers_that_are_no_mapping(tmp_path: Path, handlers: str) -> None:
    (problem,) = problems(tmp_path, f"handlers: {handlers}\n")
    assert problem.startswith("1:11: handlers must be a mapping")


def test_only_refused_handlers_are_an_error(tmp_path: Path) -> None:
    first, second = problems(
        tmp_path, "handlers:\n  a: 'echo `{{ payload.x }}`'\n  b: 'eval {{ payload.x }}'\n"
    )
    assert first.startswith("2:12: handler 'a' is refused")
    assert second.startswith("3:7: handler 'b' is refused")


def test_options_that_are_wrong(tmp_path: Path) -> None:
    overrides = Overrides(workers=0, worker_id="ü", api_base="ftp://x")
    found = problems(tmp_path, HANDLERS + "kill_grace: x\n", overrides)
    path = str(tmp_path / "c.yaml")
    assert [problem.replace(path, "").lstrip(": ")[:16] for problem in found] == [
        "--worker-id must",
        "--api-base must ",
        "--workers must b",
        "2:13: kill_grace",
    ]


def test_a_key_in_the_wrong_place_is_not_shown(tmp_path: Path) -> None:
    text = f"workers: {KEY}\n{KEY}: x\nhandlers: {{{KEY}: [{KEY}], t: {{cmd: a, env: {{{KEY}: [1]}}}}}}\n"
    found = problems(tmp_path, text)
    assert len(found) == 3
    assert KEY not in "".join(found)
    assert "cue_sk_…" in found[0]


def test_a_key_with_a_line_break_in_it_is_not_shown(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f'api_key: "{KEY} x"\n{HANDLERS}')
    assert KEY not in problem


def test_the_exit_code_is_that_of_a_bad_configuration() -> None:
    assert ConfigError(()).exit_code == 78
