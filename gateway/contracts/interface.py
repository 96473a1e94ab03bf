"""A product's interface: the output ports that it serves and the inputs that its models may read. Pure."""

from __future__ import annotations

from dataclasses import replace

from gateway.contracts import arrivals, columns, rules
from gateway.contracts.descriptor import Descriptor
from gateway.contracts.odcs import DataContract
from gateway.contracts.sources import feeds, sources
from gateway.document import Path, Report
from gateway.product import Column, DatabaseSource, Input, OutputPort, PushSource, Table

DOORS = ("rest", "graphql", "postgres", "flightsql", "mcp")


def output_ports(descriptor: Descriptor, report: Report) -> tuple[tuple[OutputPort, ...], dict[str, None]]:
    """The output ports, and the files of the contracts that they serve, in order."""
    product, file = descriptor.product, descriptor.file
    others = [name for name, contract in descriptor.contracts.items() if contract.id not in input_ids(descriptor)]
    ports: list[OutputPort] = []
    served: dict[str, None] = {}
    if not product.outputPorts:
        report.error(file, (), "there is no output port", "outputPorts: one untyped port serves a draft at all doors")
    for index, port in enumerate(product.outputPorts):
        place: Path = ("outputPorts", index)
        contract_id = port.contractId or (descriptor.contracts[others[0]].id if len(others) == 1 else "")
        found = descriptor.contract(contract_id)
        if found is None:
            known = ", ".join(contract.id for contract in descriptor.contracts.values()) or "none"
            remedy = f"contractId: the id of a contract in this folder: {known}"
            report.error(file, place, f"the port {port.name} serves no known contract", remedy)
            continue
        if contract_id in input_ids(descriptor):
            report.error(
                file, place, f"the port {port.name} serves an input contract", "a contract of the product's own"
            )
        if port.type is None and product.status not in {None, "draft"}:
            remedy = f"a type ({', '.join(DOORS)}); only a draft may leave it out"
            report.error(file, place, f"the port {port.name} has no type", remedy)
        if port.type is not None and port.type not in DOORS:
            report.warning(file, (*place, "type"), f"no door here is a {port.type}", f"served are {', '.join(DOORS)}")
        served[found[0]] = None
        version = port.version or product.version or ""
        ports.append(OutputPort(port.name, port.type, version, contract_id, port.description or "", port.deprecated))
    return tuple(ports), served


def input_ids(descriptor: Descriptor) -> set[str]:
    """The ids of contracts and products that the product reads."""
    return {port.contractId or port.name for port in descriptor.product.inputPorts}


def inputs(descriptor: Descriptor, data_clock: str | None, report: Report) -> tuple[Input, ...]:
    """What models may read: files by an input contract of the folder, or another product."""
    found: dict[str, Input] = {}
    for index, port in enumerate(descriptor.product.inputPorts):
        place: Path = ("inputPorts", index)
        columns.check_identifier(port.name, "input", descriptor.file, (*place, "name"), report)
        if port.name in found:
            report.error(descriptor.file, place, f"{port.name} stands twice", "a name of its own for each input")
        contract_id = port.contractId or port.name
        own = descriptor.contract(contract_id)
        if own is None:
            if not columns.PRODUCT_NAME.fullmatch(contract_id) or contract_id == descriptor.product.id:
                remedy = "contractId: another product's id, or the id of a contract in this folder"
                report.error(descriptor.file, place, f"{contract_id} is no input", remedy)
            found[port.name] = Input(port.name, port.version or "", contract_id, (), ())
            continue
        file, contract = own
        found[port.name] = _file_input(port.name, file, contract, data_clock, report)
    return tuple(found.values())


def _file_input(name: str, file: str, contract: DataContract, data_clock: str | None, report: Report) -> Input:
    files, fed = sources(contract, file, report), feeds(contract, file, report)
    tables: list[Table] = []
    promised = []
    stored: dict[str, tuple[Column, ...]] = {}
    for index, schema in enumerate(contract.tables):
        place: Path = ("schema", index)
        columns.check_identifier(schema.name, "table", file, (*place, "name"), report)
        if schema.name not in files and schema.name not in fed:
            report.error(file, place, f"no server feeds {schema.name}", "servers: type local, path, format")
        key = columns.key_of(schema, file, place, report)
        feed = fed.get(schema.name)
        if isinstance(feed, PushSource) and feed.mode == "upsert" and not key:
            report.error(file, place, f"{schema.name} has no key to upsert by", "primaryKey: true, or push: append")
        stored[schema.name] = columns.columns(schema, key, file, place, report)
        tables.append(Table(schema.name, schema.description or "", "", stored[schema.name], key, (), (), (), None))
        marked = arrivals.watermark(schema, tables[-1], file, place, report)
        if marked is not None and isinstance(feed, DatabaseSource):
            fed[schema.name] = replace(feed, watermark=marked)
        elif marked is not None:
            report.error(file, place, f"{schema.name} is no table of a database", "no watermark: all of it is read")
    for index, schema in enumerate(contract.tables):
        place = ("schema", index)
        own = stored[schema.name]
        scope = rules.Scope(name, schema.name, stored, data_clock)
        quality = tuple(rules.declared(schema, scope, file, place, report)) if own else ()
        feed = fed.get(schema.name)
        upsert = isinstance(feed, PushSource) and feed.mode == "upsert"
        key = tables[index].key
        arrival = arrivals.arrival(contract, schema, own, quality, file, place, report, key=key, upsert=upsert)
        promised.append((schema.name, arrival))
        quality = (*quality, *(arrivals.outcome_of(one, schema.name) for one in arrival.keys))
        tables[index] = replace(tables[index], quality=quality)
        ids = [one.id for one in arrival.rules] + [one.id for one in quality if not rules.refuses(one)]
        for twice in {one for one in ids if ids.count(one) > 1}:
            report.error(file, place, f"two rules of {schema.name} are called {twice}", "an id each")
    return Input(name, contract.version, None, tuple(files.items()), tuple(tables), tuple(promised), tuple(fed.items()))
