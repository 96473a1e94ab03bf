"""What the two Bitol standards share: strict models of the parts that ODPS v1.1.0 and ODCS v3.2.0 both use.

Pure. A key that the standard does not know is an error; `customProperties` carry whatever a vendor wants to say, and
stay as they are. Source: bitol.io, Open Data Product Standard 1.1.0 and Open Data Contract Standard 3.2.0.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

VENDOR = "outport"
Text = str | None
StableId = Annotated[str, StringConstraints(pattern=r"^[^\s.#/\\@!%&^]+$")]


class Part(BaseModel):
    """A mapping of a descriptor: exactly the standard's keys, exactly the standard's types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CustomProperty(Part):
    """One vendor extension; `vendor: outport` marks ours."""

    id: Text = None
    property: str
    value: Any
    description: Text = None
    vendor: Text = None


class AuthoritativeDefinition(Part):
    """A link to a definition elsewhere. The URL is never fetched."""

    id: Text = None
    type: str
    url: str
    description: Text = None


class Extensible(Part):
    """A part that takes vendor extensions."""

    customProperties: tuple[CustomProperty, ...] = ()

    def custom(self, name: str) -> Any:
        """The value of our own custom property `name`, None where it is not declared."""
        for extension in self.customProperties:
            if extension.vendor == VENDOR and extension.property == name:
                return extension.value
        return None


class Described(Extensible):
    """A part with tags, definitions and vendor extensions."""

    tags: tuple[str, ...] = ()
    authoritativeDefinitions: tuple[AuthoritativeDefinition, ...] = ()


class Synonym(Extensible):
    """Another word for the thing, in a locale."""

    id: Text = None
    synonym: str
    description: Text = None
    locale: Text = None
    source: Text = None
    status: Text = None


class Statement(Described):
    """A question with its verified answer, for agents."""

    id: Text = None
    question: str
    answer: Text = None


class Constraint(Described):
    """A rule in words, for agents."""

    id: Text = None
    constraint: str


class Context(Part):
    """What an agent should know (RFC-0038); handed on verbatim."""

    instructions: Text = None
    verifiedStatements: tuple[Statement, ...] = ()
    constraints: tuple[Constraint, ...] = ()


class Description(Extensible):
    """Purpose, usage and limitations in words."""

    purpose: Text = None
    limitations: Text = None
    usage: Text = None
    authoritativeDefinitions: tuple[AuthoritativeDefinition, ...] = ()


class TeamMember(Described):
    """One person of the team; the role `owner` makes the owner."""

    id: Text = None
    username: str
    name: Text = None
    description: Text = None
    role: Text = None
    dateIn: Annotated[Text, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = None
    dateOut: Annotated[Text, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = None
    replacedByUsername: Text = None


class Team(Described):
    """Who answers for it."""

    name: Text = None
    description: Text = None
    members: tuple[TeamMember, ...] = ()
