"""DECIMAL columns to PostgreSQL's binary numeric, without a loop over rows. Pure.

Source: PostgreSQL's numeric_send: digits of base 10000 without zeros at either end, and with them their number, the
weight of the first, the sign and the decimals shown.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]
_BASE = np.uint64(10_000)
_NEGATIVE = 0x4000
_HEADER = 8
_LIMBS = 4  # of 32 bits, the lowest first


def encoded(column: pa.Array) -> pa.Array:
    """The values, NULL where they were."""
    values = column if pa.types.is_decimal(column.type) else column.cast(pa.decimal128(20, 0))
    scale = values.type.scale
    padding = -scale % 4
    negative, limbs = _magnitudes(pc.fill_null(values, 0) if values.null_count else values)
    groups = -(-(values.type.precision + padding) // 4) + 1
    digits = _digits(limbs, padding, groups)
    fraction = (scale + padding) // 4
    used = digits != 0
    some = used.any(axis=1)
    first = np.where(some, used.argmax(axis=1), groups - fraction)
    last = np.where(some, groups - used[:, ::-1].argmax(axis=1), first)
    weight = np.where(some, groups - fraction - 1 - first, 0)
    sign = np.where(negative & some, _NEGATIVE, 0)
    header = np.stack([last - first, weight, sign, np.full(len(some), scale)], axis=1)
    found = _assembled(header, digits, first, last)
    return pc.if_else(column.is_valid(), found, None) if column.null_count else found


def _magnitudes(values: pa.Array) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint64]]:
    """Signs, and absolute values as limbs."""
    raw = np.frombuffer(values.buffers()[1], np.uint8)[values.offset * 16 : (values.offset + len(values)) * 16]
    limbs = np.ascontiguousarray(raw).view("<u4").reshape(-1, _LIMBS).astype(np.uint64)
    negative: npt.NDArray[np.bool_] = limbs[:, 3] >> np.uint64(31) == 1
    if negative.any():
        flipped = limbs[negative] ^ np.uint64(0xFFFFFFFF)
        carry = np.ones(len(flipped), np.uint64)
        for place in range(_LIMBS):
            total = flipped[:, place] + carry
            flipped[:, place] = total & np.uint64(0xFFFFFFFF)
            carry = total >> np.uint64(32)
        limbs[negative] = flipped
    return negative, limbs


def _digits(limbs: npt.NDArray[np.uint64], padding: int, groups: int) -> Integers:
    """Digits of base 10000, the highest first, of the values times 10**padding."""
    digits = np.zeros((len(limbs), groups), np.int64)
    # The lowest group holds only 4 - padding decimal digits of the value itself.
    base = np.uint64(10 ** (4 - padding))
    for group in range(groups - 1, -1, -1):
        rest = _divided(limbs, base)
        digits[:, group] = rest * np.uint64(10**padding) if base != _BASE else rest
        base = _BASE
        padding = 0
        if not limbs.any():
            break
    return digits


def _divided(limbs: npt.NDArray[np.uint64], base: np.uint64) -> npt.NDArray[np.uint64]:
    """Divide the limbs in place; the remainders."""
    rest = np.zeros(len(limbs), np.uint64)
    for place in range(_LIMBS - 1, -1, -1):
        column = limbs[:, place]
        if not rest.any() and not column.any():
            continue
        whole = (rest << np.uint64(32)) | column
        limbs[:, place] = whole // base
        rest = whole - limbs[:, place] * base
    return rest


def _assembled(header: Integers, digits: Integers, first: Integers, last: Integers) -> pa.Array:
    """Header and the digits from `first` to `last` of each value."""
    count, groups = digits.shape
    words = np.concatenate([header, digits], axis=1).astype(">u2")
    place = np.arange(groups)
    kept = np.ones(words.shape, np.bool_)
    kept[:, _HEADER // 2 :] = (place >= first[:, None]) & (place < last[:, None])
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(_HEADER + 2 * (last - first), out=offsets[1:])
    return pa.Array.from_buffers(pa.large_binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(words[kept])])
