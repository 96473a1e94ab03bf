"""Strict models of the Open Data Contract Standard v3.2.0: schema, quality, SLA and servers of one contract. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.contracts.bitol import (
    AuthoritativeDefinition,
    Context,
    CustomProperty,
    Described,
    Description,
    Extensible,
    Part,
    StableId,
    Synonym,
    Team,
    TeamMember,
    Text,
)
from gateway.contracts.odcs_keys import OPTIONS, SERVERS

Number = int | float
Scalar = str | int | float | bool | None
OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)


class Role(Extensible):
    """A role with access. Outport's own rules stand in policies/."""

    id: StableId | None = None
    role: str
    description: Text = None
    access: Text = None
    firstLevelApprovers: Text = None
    secondLevelApprovers: Text = None


class Server(Extensible):
    """A place where the data is. Only `type: local` is read here; the others are kept as declared."""

    model_config = ConfigDict(extra="allow")

    id: StableId | None = None
    server: str
    type: str
    description: Text = None
    environment: Text = None
    roles: tuple[Role, ...] = ()

    @model_validator(mode="after")
    def _keys_of_its_type(self) -> Self:
        given = self.model_extra or {}
        if self.type not in SERVERS:
            raise PydanticCustomError(
                "literal_error", "type is not one of ODCS: {types}", {"types": ", ".join(SERVERS)}
            )
        known = {key.removesuffix("!"): key.endswith("!") for key in SERVERS[self.type].split()}
        unknown = sorted(set(given) - set(known))
        missing = sorted(key for key, needed in known.items() if needed and key not in given)
        if unknown or missing:
            raise PydanticCustomError(
                "server_keys",
                "a {type} server takes {known}; unknown: {unknown}; missing: {missing}",
                {
                    "type": self.type,
                    "known": ", ".join(known),
                    "unknown": ", ".join(unknown) or "none",
                    "missing": ", ".join(missing) or "none",
                },
            )
        wrong = sorted(k for k, v in given.items() if not isinstance(v, str) and not (k == "port" and type(v) is int))
        if wrong:
            raise PydanticCustomError("server_keys", "{keys} must be text", {"keys": ", ".join(wrong)})
        return self

    def key(self, name: str) -> str:
        """The text of one of the type's own keys, "" where absent."""
        return str((self.model_extra or {}).get(name) or "")


class Quality(Described):
    """One quality rule, as declared: library metric, SQL, text or custom."""

    id: StableId | None = None
    businessImpact: Text = None
    description: Text = None
    dimension: (
        Literal["accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness"] | None
    ) = None
    method: Text = None
    name: Text = None
    schedule: Text = None
    scheduler: Text = None
    severity: Literal["error", "warning"] | None = None
    type: Literal["text", "library", "sql", "custom"] = "library"
    unit: Literal["rows", "percent"] | None = None
    metric: Literal["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"] | None = None
    rule: Text = None
    arguments: dict[str, Any] | None = None
    query: Text = None
    engine: Text = None
    implementation: str | dict[str, Any] | None = None
    mustBe: Number | None = None
    mustNotBe: Number | None = None
    mustBeGreaterThan: Number | None = None
    mustBeGreaterOrEqualTo: Number | None = None
    mustBeLessThan: Number | None = None
    mustBeLessOrEqualTo: Number | None = None
    mustBeBetween: Annotated[tuple[Number, ...], Field(min_length=2, max_length=2)] | None = None
    mustNotBeBetween: Annotated[tuple[Number, ...], Field(min_length=2, max_length=2)] | None = None

    @property
    def comparisons(self) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """Every operator that is declared, with its operands."""
        found = ((name, getattr(self, name)) for name in OPERATORS)
        return tuple(
            (name, tuple(value) if isinstance(value, tuple) else (value,)) for name, value in found if value is not None
        )


class EnumValue(Described):
    """One value that a column may hold."""

    value: Scalar
    label: Text = None
    id: StableId | None = None
    description: Text = None


class Relationship(Extensible):
    """A foreign key; `from` stands only at a schema object, a property is its own end."""

    id: Text = None
    type: Literal["foreignKey"] = "foreignKey"
    source: str | tuple[str, ...] | None = Field(default=None, alias="from")
    to: str | tuple[str, ...]


class Element(Described):
    """What schema objects and properties have in common."""

    id: StableId | None = None
    physicalType: Text = None
    physicalName: Text = None
    description: Text = None
    businessName: Text = None
    deprecated: bool = False
    synonyms: tuple[Synonym, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    quality: tuple[Quality, ...] = ()


class Item(Element):
    """A type: of a property, of an array's items, of a map's keys and values."""

    name: Text = None
    primaryKey: bool = False
    primaryKeyPosition: int = -1
    logicalType: (
        Literal[
            "string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean", "map", "vector"
        ]
        | None
    ) = None
    logicalTypeOptions: dict[str, Any] | None = None
    required: bool = False
    unique: bool = False
    semanticType: Literal["column", "measure", "dimension"] = "column"
    partitioned: bool = False
    partitionKeyPosition: int = -1
    classification: Literal["public", "internal", "confidential", "restricted"] | None = None
    encryptedName: Text = None
    transformSourceObjects: tuple[str, ...] = ()
    transformLogic: Text = None
    transformDescription: Text = None
    examples: tuple[Any, ...] = ()
    enum: tuple[EnumValue, ...] = ()
    criticalDataElement: bool = False
    properties: tuple[Property, ...] = ()
    items: Item | None = None
    map: MapTypes | None = None

    @model_validator(mode="after")
    def _options_of_its_type(self) -> Self:
        allowed = OPTIONS.get(self.logicalType or "", "").split()
        unknown = sorted(set(self.logicalTypeOptions or {}) - set(allowed))
        if unknown:
            raise PydanticCustomError(
                "options",
                "logicalTypeOptions of {type} are {allowed}; unknown: {unknown}",
                {"type": self.logicalType, "allowed": ", ".join(allowed) or "none", "unknown": ", ".join(unknown)},
            )
        return self


class Property(Item):
    """A column, a measure or a dimension."""

    name: str


class MapTypes(Part):
    """Key and value of a map."""

    key: Item
    value: Item


class SchemaObject(Element):
    """One table."""

    name: str
    logicalType: Literal["object", "blob"] | None = None
    dataGranularityDescription: Text = None
    properties: tuple[Property, ...] = ()
    context: str | Context | None = None


class SlaProperty(Extensible):
    """One promise: freshness, availability, latency, retention."""

    id: StableId | None = None
    property: str
    value: Scalar
    valueExt: Scalar = None
    unit: Text = None
    element: Text = None
    driver: Text = None
    description: Text = None
    scheduler: Text = None
    schedule: Text = None
    authoritativeDefinitions: tuple[AuthoritativeDefinition, ...] = ()


class Support(Extensible):
    """Where to ask."""

    id: StableId | None = None
    channel: str
    url: Text = None
    description: Text = None
    tool: Text = None
    scope: Text = None
    invitationUrl: Text = None


class Pricing(Part):
    """What it costs."""

    id: StableId | None = None
    priceAmount: Number | None = None
    priceCurrency: Text = None
    priceUnit: Text = None


class DataContract(Described):
    """An ODCS document."""

    version: str
    kind: Literal["DataContract"]
    apiVersion: Literal["v3.2.0"]
    id: str
    name: Text = None
    tenant: Text = None
    status: Text = None
    servers: tuple[Server, ...] = ()
    dataProduct: Text = None
    description: Description | None = None
    domain: Text = None
    context: str | Context | None = None
    tables: tuple[SchemaObject, ...] = Field(default=(), alias="schema")
    support: tuple[Support, ...] = ()
    price: Pricing | None = None
    team: Team | tuple[TeamMember, ...] | None = None
    roles: tuple[Role, ...] = ()
    slaDefaultElement: Text = None
    slaProperties: tuple[SlaProperty, ...] = ()
    customProperties: tuple[CustomProperty, ...] = ()
    contractCreatedTs: Text = None
