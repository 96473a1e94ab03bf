"""Settings as flags of a command: made from the fields of Settings, so that none is forgotten. Touches nothing else."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.settings import Settings

PLACES = ("config", "products", "environment", "policies", "state", "secret_key_file", "mask_key_file")
# Other users of a machine see the flags of its processes: no secret is one.
SECRETS = frozenset({"secret_key", "mask_key"})
ALL = tuple(name for name in Settings.model_fields if name not in SECRETS)
_PLAIN = (bool, int, float, Path, str)


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command that takes `settings` the flags `names` in its place; the first parameters stay as they are.

    Where no secret is set and the state holds the demo's, the command works on the demo; `serve` alone asks by flag.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        own = [parameter for name, parameter in signature.parameters.items() if name != "settings"]
        flags = [_flag(name) for name in names]

        def command(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in names}
            settings = settled({name: value for name, value in chosen.items() if value is not None})
            function(**given, settings=settings if "demo" in names else as_demo(settings))

        command.__doc__ = function.__doc__
        command.__name__ = function.__name__
        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + flags
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def settled(given: dict[str, Any]) -> Settings:
    """The settings with `given` flags over environment and file. Raises SettingsError."""
    return Settings(**given)


def as_demo(settings: Settings) -> Settings:
    """`settings`, as the demo's where the state is a demo's and no other secret is set."""
    secret = settings.secret_key is not None or settings.secret_key_file is not None
    return settings if secret or not settings.demo_key.exists() else settings.model_copy(update={"demo": True})


def _flag(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    spelling = f"--{name.replace('_', '-')}"
    option = typer.Option(spelling, help=_help(name), show_default=False)
    annotation: Any = Annotated[_plain(field.annotation) | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _help(name: str) -> str:
    field = Settings.model_fields[name]
    default = "" if field.default in (None, False) else f" (default {field.default})"
    return f"{(field.description or '')}{default}"


def _plain(annotation: Any) -> Any:
    """The one plain type of a field, None left out."""
    options = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return next(plain for plain in _PLAIN if plain in options)
