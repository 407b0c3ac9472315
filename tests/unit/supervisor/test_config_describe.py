"""What `cueworker check` prints."""

from __future__ import annotations

from pathlib import Path

from cueworker.supervisor.config import Overrides, describe, load_config

KEY = "cue_sk_0123456789abcdef0123456789abcdef"


def test_a_configuration_in_words(tmp_path: Path) -> None:
    path = tmp_path / "cueworker.yaml"
    path.touch(mode=0o600)
    path.write_text(f"""\
api_key: {KEY}
worker_id: lamp
state_dir: /var/lib/lamp
colour: green
handlers:
  report:
    cmd: |
      cd out
      report {{{{ payload.kind }}}} --key {KEY}
    cwd: site
    timeout: 2m
    env: {{B: "{KEY}", A: x}}
  convert: {{argv: [convert, "{{{{ payload.file }}}}"], on_lease_lost: finish}}
  old: {{cmd: "echo {{{{ payload.x }}}}", templates: paste}}
  bad: echo `date` {{{{ payload.x }}}}
""")
    text = describe(load_config(path, Overrides(), {"HOME": str(tmp_path)}))
    assert KEY not in text
    assert (
        text
        == f"""\
configuration   {path}
server          https://api.cueapi.ai
api key         …cdef from api_key in {path}
key refused     claim nothing until there is another key
worker id       lamp
workers         4
state dir       /var/lib/lamp
polling         auto
heartbeat       every 30 s
stopping        handlers have 30 s to finish, then 5 s between TERM and KILL

handler convert
  argv          ['convert', '{{{{ payload.file }}}}']
  timeout       300 s
  lease lost    finish

handler old
  sh -c, pasted echo {{{{ payload.x }}}}
  timeout       300 s
  lease lost    kill

handler report
  sh -c         cd out
                report "${{CUEWORKER_T1}}" --key …
                $CUEWORKER_T1 = {{{{ payload.kind }}}}
  timeout       120 s
  cwd           {tmp_path}/site
  env           A, B
  lease lost    kill

refused
  {text.splitlines()[-5].strip()}

warnings
  {path}:4:1: unknown key 'colour' at the top level is ignored
  {path}:14:38: handler 'old' pastes payloads into its command: who sets one can run commands \
(remove `templates: paste` and let values be passed as quoted references)"""
    )
    assert text.splitlines()[-5].startswith(f"  {path}:15:13: handler 'bad' is refused")


def test_a_short_key_is_not_shown_at_all(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "worker_id: w\npoll_interval: 5\nemail: a@example.org\nmax_memory: 1.5G\nmax_age: 1d\nhandlers: {a: b}\n"
    )
    environ = {"HOME": str(tmp_path), "CUEAPI_API_KEY": "hush-hush"}
    lines = describe(load_config(path, Overrides(), environ)).splitlines()
    assert "api key         … from CUEAPI_API_KEY" in lines
    assert "polling         every 5 s when idle" in lines
    assert "email           a@example.org" in lines
    assert "recycling       a worker after 1536 MiB of its own memory, 86400 s, each within 10%" in lines
    assert lines[-1] == "  lease lost    kill"
