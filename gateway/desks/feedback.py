"""What those who use products say of them: lines in a file for each product, bounded in bytes and in how often.

Touches the deployment's folder of feedback only, by appending. Whose words they are is who sees them and what answers
them: the one who wrote them, stewards whom a rule lets simulate that one, and who manages the product. What stands
there is data that people and models wrote.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from gateway.access import code_flow
from gateway.accounting.observe import FeedbackGiven, FeedbackRead, Observer
from gateway.desks.conversations import ANSWER, CLOSED, KINDS, Feedback, Rated, Thread, rated, threads
from gateway.desks.stewards import Stewards
from gateway.errors import BadQuery, Exhausted, Forbidden, NotFound, Unavailable
from gateway.files.alone import turn
from gateway.reach.managers import Managers
from gateway.reach.pins import Pins
from gateway.reach.visible import VisibleProduct
from gateway.service_levels import alerts
from gateway.service_levels.alerts import Alert
from gateway.session import Session
from gateway.settings import Settings

TEXT_LIMIT = 2000
RATINGS = range(1, 6)
# Of fewer raters no mean is told.
RATERS = 3
# Of a product; past it the older half of what is kept is dropped.
FILE_BYTES = 2 << 20
_WINDOW_S = 3600.0
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Shelf:
    """The files of one deployment. Several processes append to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, one: Feedback, hourly: int) -> None:
        """Append it. Raises Exhausted where its writer has said enough of the product in this hour; Unavailable."""
        line = json.dumps(asdict(one), ensure_ascii=False).encode() + b"\n"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with turn(self._folder / ".lock"):
                self._may(one, hourly)
                path = self._folder / f"{one.product}.jsonl"
                if path.exists() and path.stat().st_size + len(line) > FILE_BYTES:
                    path.replace(path.with_suffix(".before.jsonl"))
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                try:
                    # A line that a full disk has cut ends here; what follows is whole.
                    torn = os.fstat(descriptor).st_size and not path.read_bytes().endswith(b"\n")
                    os.write(descriptor, b"\n" + line if torn else line)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise Unavailable("feedback cannot be kept now") from error

    def of(self, product: str) -> list[Feedback]:
        """All that is kept of a product, the newest first. Raises Unavailable."""
        found: list[Feedback] = []
        for name in (f"{product}.before.jsonl", f"{product}.jsonl"):
            try:
                lines = (self._folder / name).read_bytes().splitlines()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise Unavailable("feedback cannot be read now") from error
            for line in lines:
                with suppress(ValueError, TypeError):
                    found.append(Feedback(**json.loads(line)))
        return found[::-1]

    def _may(self, one: Feedback, hourly: int) -> None:
        since = datetime.fromtimestamp(time.time() - _WINDOW_S, UTC).isoformat()
        said = sum(other.subject == one.subject and other.at > since for other in self.of(one.product))
        if said >= hourly:
            raise Exhausted(
                f"you have given feedback on {one.product} {said} times in an hour: at most {hourly} are taken",
                reason="rate",
                retry_s=_WINDOW_S / 2,
            )


class FeedbackDesk:
    """Takes feedback at the doors and gives it out there. Thread-safe."""

    def __init__(self, settings: Settings, pins: Pins, audit: Observer, stewards: Stewards, managers: Managers) -> None:
        self._shelf, self._settings = Shelf(settings.feedback), settings
        self._pins, self._audit, self._stewards, self._managers = pins, audit, stewards, managers

    def give(self, session: Session, visible: VisibleProduct, kind: str, text: str, rating: int | None) -> Feedback:
        """Keep what the session says of a product that it sees. Raises BadQuery, Exhausted, Unavailable, Forbidden."""
        if kind not in KINDS:
            raise BadQuery(f"feedback is of a kind: {', '.join(KINDS)}", reason="value")
        if rating is not None and rating not in RATINGS:
            raise BadQuery("a rating is a whole number from 1 to 5", reason="value")
        return self._keep(session, visible, kind, text, rating, "")

    def answer(self, session: Session, visible: VisibleProduct, thread: str, text: str) -> Feedback:
        """Keep what the session answers to what it may read. Raises NotFound for anything else, and as `give` does."""
        self._thread(session, visible, thread)
        return self._keep(session, visible, ANSWER, text, None, thread)

    def close(self, session: Session, visible: VisibleProduct, thread: str) -> Feedback:
        """Keep that nobody waits any more, as who began it or who manages the product says. Raises as `answer` does,
        Forbidden for anybody else."""
        said = self._thread(session, visible, thread).said
        mine = said.subject in {one.subject for one in session.principal.both}
        if not mine and not self._managers.rule(session, visible.snapshot.source.product):
            raise Forbidden("who began a thread closes it, or who manages the product", reason="feedback")
        return self._keep(session, visible, CLOSED, CLOSED, None, thread)

    def waiting(self, session: Session, visible: VisibleProduct) -> int:
        """How many wait for an answer, to who manages the product; 0 to anybody else. Tells no words."""
        product = visible.snapshot.source.product
        if not self._managers.rule(session, product):
            return 0
        with suppress(Unavailable):
            return sum(one.open for one in threads(self._shelf.of(product.name)))
        return 0

    def rated(self, visible: VisibleProduct) -> Rated | None:
        """The mean of its ratings, where RATERS have rated it."""
        with suppress(Unavailable):
            return rated(self._shelf.of(visible.snapshot.source.product.name), RATERS)
        return None

    def read(self, session: Session, visible: VisibleProduct) -> list[Feedback]:
        """What the session may read of a product that it sees, the newest first: its own threads, those of whom it may
        simulate, and all where it manages the product. On record."""
        self._audit.check()
        found = self._readable(session, visible)
        subject, behalf = session.recorded
        told = FeedbackRead(
            subject=subject, on_behalf_of=behalf, port=session.port, purpose=session.purpose,
            products=(visible.snapshot.source.product.name,), items=len(found), tool=session.tool,
        )  # fmt: skip
        self._audit.record(told)
        return found

    def _thread(self, session: Session, visible: VisibleProduct, name: str) -> Thread:
        """The thread that has this id, of those that the session may read. Raises NotFound."""
        for one in threads(self._readable(session, visible)):
            if one.said.id == name:
                return one
        raise NotFound("there is no such thread", reason="feedback")

    def _readable(self, session: Session, visible: VisibleProduct) -> list[Feedback]:
        pin = self._pins.present()
        mine = {one.subject for one in session.principal.both}
        known: dict[str, bool] = {}
        manages = bool(self._managers.rule(session, visible.snapshot.source.product))

        def shown(subject: str) -> bool:
            if subject not in known:
                known[subject] = manages or subject in mine or self._stewards.simulates(session, subject, pin)
            return known[subject]

        every = self._shelf.of(visible.snapshot.source.product.name)
        writers = {one.id: one.subject for one in every if not one.answers}
        # An answer whose thread is no longer kept is its writer's own.
        return [one for one in every if shown(writers.get(one.answers or one.id, one.subject))]

    def _keep(
        self, session: Session, visible: VisibleProduct, kind: str, text: str, rating: int | None, answers: str
    ) -> Feedback:
        self._audit.check()
        words = _CONTROLS.sub(" ", text).strip()
        if not words or len(words) > TEXT_LIMIT:
            raise BadQuery(f"feedback has a text of at most {TEXT_LIMIT} characters", reason="value")
        if session.principal.standin == "simulate":
            raise Forbidden("who looks at what another would get says nothing in its name", reason="simulation")
        one = Feedback(
            id=uuid.uuid4().hex[:12],
            at=datetime.now(UTC).isoformat(),
            product=visible.snapshot.source.product.name,  # what is said of a projection is of what it shows
            version=visible.product.version,
            snapshot=visible.snapshot.id,
            kind=kind,
            rating=rating,
            text=words,
            subject=session.principal.subject,
            on_behalf_of=session.on_behalf_of,
            port=session.port,
            answers=answers,
            manages=bool(self._managers.rule(session, visible.snapshot.source.product)),
        )
        self._shelf.add(one, self._settings.feedback_hourly)
        subject, behalf = session.recorded
        self._audit.record(
            FeedbackGiven(
                subject=subject,
                on_behalf_of=behalf,
                port=session.port,
                purpose=session.purpose,
                products=(one.product,),
                tool=session.tool,
                feedback=one.id,
                kind=one.kind,
            )
        )
        with suppress(Unavailable):  # it is kept: that nobody is told now is no refusal
            self._tell(visible, one)
        return one

    def _tell(self, visible: VisibleProduct, one: Feedback) -> None:
        """Alert the product's owner of what waits for an answer: where it stands, and none of its words."""
        begun = one.answers or one.id
        found = [thread for thread in threads(self._shelf.of(one.product)) if thread.said.id == begun]
        if not found or not found[0].open or one.manages:
            return
        said = found[0].said
        data: dict[str, alerts.Detail] = {
            "thread": said.id, "kind": said.kind, "rating": said.rating,
            "owner": visible.snapshot.source.product.owner,
            "hub": f"{code_flow.base(self._settings)}/hub/{one.product}#talk",
        }  # fmt: skip
        alerts.raise_alert(self._settings, Alert("feedback.open", one.product, one.id, data))
