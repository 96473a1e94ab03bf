"""Settings: one value each, from flag, environment or file in this order, and a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OUTPORT_{name.upper()}", raising=False)


def written(folder: Path, text: str) -> Path:
    path = folder / "outport.toml"
    path.write_text(text)
    return path


def findings(**given: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refusal:
        Settings(**given)
    return refusal.value.findings


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = written(tmp_path, "http_port = 1\nflight_port = 1\nqueue_s = 1\n")
    monkeypatch.setenv("OUTPORT_HTTP_PORT", "2")
    monkeypatch.setenv("OUTPORT_FLIGHT_PORT", "2")
    settings = Settings(config=config, http_port=3)
    assert (settings.http_port, settings.flight_port, settings.queue_s, settings.compute_s) == (3, 2, 1, 60)


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPORT_CONFIG", str(written(tmp_path, "http_port = 1")))
    assert Settings().http_port == 1


def test_paths_in_the_file_start_at_its_folder(tmp_path: Path) -> None:
    settings = Settings(config=written(tmp_path, 'state = "var"\nproducts = "/srv/products"\n'))
    assert (settings.state, settings.products, settings.policies) == (
        tmp_path / "var",
        Path("/srv/products"),
        Path("policies"),
    )


def test_an_unknown_key_in_the_file_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, "http-prot = 1\nzzz = 1\n")
    nearest, none_near = findings(config=path)
    assert nearest == f"{path}: unknown setting http-prot; did you mean http_port?"
    assert none_near.startswith(f"{path}: unknown setting zzz; known are products, ")


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        ({"http_port": 70000}, "http_port: input should be less than or equal to 65535 (OUTPORT_HTTP_PORT)"),
        ({"compute_s": 0}, "compute_s: input should be greater than 0 (OUTPORT_COMPUTE_S)"),
        ({"compute_seconds": 1}, "unknown setting compute_seconds; did you mean compute_s?"),
        ({"config": "/does/not/exist"}, "config: /does/not/exist cannot be read (No such file or directory)"),
        ({"host": ""}, "host: string should have at least 1 character (OUTPORT_HOST)"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(given: dict[str, object], finding: str) -> None:
    assert findings(**given) == (finding,)


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "http_port: 1")
    assert findings(config=path)[0].startswith(f"config: {path} is not TOML")


def test_a_memory_limit_says_its_unit() -> None:
    assert Settings(memory_limit="1.5GiB").memory_limit == "1.5GiB"
    assert findings(memory_limit="lots")[0].startswith("memory_limit: ")


def test_a_secret_is_shown_nowhere(tmp_path: Path) -> None:
    settings = Settings(secret_key="swordfish")
    assert "swordfish" not in repr(settings) + str(settings) + settings.model_dump_json()
    config = written(tmp_path, 'secret_key = ["swordfish"]')
    assert "swordfish" not in str(findings(config=config))


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().host = "0.0.0.0"


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
