"""Strict models of the Open Data Product Standard v1.1.0: what a product is and which doors it has. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.contracts.bitol import AuthoritativeDefinition, Context, Described, Description, Part, Synonym, Team, Text

Url = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.\-]*:\S+$")]

TIMESTAMP = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$"


class InputPort(Described):
    """What the product reads: a contract of this folder, or another product by its id."""

    deprecated: bool = False
    id: Text = None
    name: str
    version: Text = None
    contractId: Text = None


class Sbom(Described):
    """A software bill of materials, by link."""

    id: Text = None
    type: str = "external"
    url: Url | None = None


class InputContract(Part):
    """A contract that an output port depends on."""

    id: str
    version: str


class OutputPort(Described):
    """One door, and the contract that it serves."""

    deprecated: bool = False
    id: Text = None
    name: str
    description: Text = None
    type: Text = None
    version: Text = None
    contractId: Text = None
    sbom: tuple[Sbom, ...] = ()
    inputContracts: tuple[InputContract, ...] = ()
    synonyms: tuple[Synonym, ...] = ()
    context: Context | None = None


class ManagementPort(Described):
    """A door for discovery, observation or control."""

    deprecated: bool = False
    id: Text = None
    name: str
    content: str
    type: str = "rest"
    url: Url | None = None
    channel: Text = None
    description: Text = None


class Support(Described):
    """Where to ask."""

    id: Text = None
    channel: str
    url: Url
    description: Text = None
    tool: Text = None
    scope: Text = None
    invitationUrl: Url | None = None


class DataProduct(Described):
    """An ODPS document. `id` is the product's name at every door."""

    apiVersion: Literal["v1.1.0"]
    kind: Literal["DataProduct"]
    id: str
    name: Text = None
    deprecated: bool = False
    synonyms: tuple[Synonym, ...] = ()
    version: Text = None
    status: Text = None
    domain: Text = None
    type: Literal["sourceAligned", "aggregate", "consumerAligned"] | None = None
    context: Context | None = None
    tenant: Text = None
    description: Description | None = None
    authoritativeDefinitions: tuple[AuthoritativeDefinition, ...] = ()
    inputPorts: tuple[InputPort, ...] = ()
    outputPorts: tuple[OutputPort, ...] = ()
    managementPorts: tuple[ManagementPort, ...] = ()
    support: tuple[Support, ...] = ()
    team: Team | None = None
    productCreatedTs: Annotated[Text, Field(pattern=TIMESTAMP)] = None
