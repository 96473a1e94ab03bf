"""The `outport` command: its sub-commands, and the place where an error becomes one line. Touches nothing else."""

from __future__ import annotations

import logging
from typing import Any

import typer
from typer.core import TyperGroup

from gateway.access.principals import PrincipalsError
from gateway.errors import GatewayError
from gateway.settings import SettingsError
from ports.command import (
    access,
    agreements,
    audit,
    backup,
    connect,
    doctor,
    endings,
    erase,
    feedback,
    lifecycle,
    maintenance,
    mocks,
    origins,
    people,
    policies,
    products,
    projections,
    quarantine,
    refreshing,
    scorecard,
    security,
    serve,
    show,
    versions,
    workspaces,
)

# A command's answer is its own words: the log of the gateway is for `serve`, which sends it to standard error.
logging.getLogger("outport").addHandler(logging.NullHandler())


class _Group(TyperGroup):
    """A group whose commands end with one clear line and exit code 1, never with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command. Raises typer.Exit(1) after an error of ours or of the machine was shown."""
        try:
            return super().invoke(ctx)
        except GatewayError as error:
            show.error(error.message, error.hint)
        except PrincipalsError as error:
            show.error(str(error))
        except SettingsError as error:
            for finding in error.findings:
                show.error(finding)
        except BrokenPipeError:
            raise  # the reader has seen enough: the frame around this ends quietly
        except OSError as error:
            show.error(f"{error.strerror or type(error).__name__}: {error.filename or 'the operating system refused'}")
        raise typer.Exit(1)


app = typer.Typer(
    cls=_Group,
    name="outport",
    help="One product, one policy, many doors, one answer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("apply")(products.apply)
app.command("plan")(lifecycle.plan)
app.command("promote")(endings.promote)
app.command("deprecate")(endings.deprecate)
app.command("retire")(endings.retire)
app.command("delete")(endings.delete)
app.command("fork")(origins.fork)
app.command("suggest")(origins.suggest)
app.command("get")(products.get)
app.command("new")(products.new)
app.command("mock")(mocks.mock)
app.command("refresh")(refreshing.refresh_product)
app.command("diff")(versions.diff)
app.command("try")(access.attempt)
app.command("explain-access")(access.explain_access)
app.command("connect")(connect.connect)
app.command("token")(people.token)
app.add_typer(people.app, name="principal")
app.add_typer(policies.app, name="policy")
app.add_typer(audit.app, name="audit")
app.add_typer(agreements.app, name="agreement")
app.add_typer(feedback.app, name="feedback")
app.add_typer(projections.app, name="projection")
app.add_typer(maintenance.app, name="maintenance")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("quarantine")(quarantine.command)
app.command("erase")(erase.erase)
app.command("scorecard")(scorecard.command)
app.command("workspaces")(workspaces.command)
app.command("doctor")(doctor.doctor)
app.command("security-test")(security.security_test)
