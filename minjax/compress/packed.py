"""A compressed network as a file: bit-packed integers, masks, scales, a JSON header and a checksum.

docs/packed.md describes every byte, so that a reader can be written in any language. What is loaded is, to the bit,
what `fake_quantize` of the pruned parameters gives.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minjax import records, tree
from minjax.compress import coding
from minjax.compress.coding import Entry
from minjax.compress.quantize import BITS, Quantized, Scheme, quantize_array
from minjax.errors import UserError

MAGIC = b"minjaxpk"
VERSION = 1
_HEAD = struct.Struct("<8sIIQ")  # magic, version, bytes of the header, bytes of the file
_CHECKSUM = hashlib.sha256().digest_size


@dataclasses.dataclass(frozen=True)
class PackedLeaf:
    """What one array takes.

    Attributes:
        name: its path, the collection first: "params/conv/kernel".
        shape: of the array.
        encoding: "raw", "symmetric", "asymmetric" or "binary".
        bits: of a stored value.
        kept: weights not pruned.
        mask: how it is said which: "none" (all are stored), "bitmask", or by the indices of the "kept" or "pruned".
        bytes: mask, values, scales and zero points.
        bytes_entropy: the bound for them, rounded up.
    """

    name: str
    shape: tuple[int, ...]
    encoding: str
    bits: int
    kept: int
    mask: str
    bytes: int
    bytes_entropy: int


@dataclasses.dataclass(frozen=True)
class Packed:
    """What a written file takes.

    Attributes:
        bytes_measured: of the file.
        bytes_theoretical: of the arrays alone, as `sizes.Layout.theoretical_bytes` counts them.
        bytes_entropy: the bound for the arrays: order-0 entropy of each leaf's integers and mask (without the table
            of frequencies that a decoder needs), everything else as it is.
        bytes_unquantized: of the file that the same network makes in this format, neither pruned nor quantized.
        leaves: a line an array.
    """

    bytes_measured: int
    bytes_theoretical: int
    bytes_entropy: int
    bytes_unquantized: int
    leaves: tuple[PackedLeaf, ...]

    @property
    def share(self) -> float:
        """Of the same format neither pruned nor quantized."""
        return self.bytes_measured / self.bytes_unquantized


def save_packed(
    path: Path | str,
    variables: Mapping[str, Any],
    *,
    bits: int | None = None,
    masks: Any = None,
    symmetric: bool = True,
    per_channel: bool = True,
    clip: str = "minmax",
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] = (),
    about: Any = None,
) -> Packed:
    """Write a network, atomically.

    Args:
        path: of the file; folders are made.
        variables: {"params": ..., "batch_stats": ...}: nested dictionaries of arrays (float32, float16, bfloat16 or
            int32). An empty dictionary in them is not kept.
        bits: of the chosen leaves of "params", 1 to 16; None: nothing is quantized.
        masks: pytree of bool with the structure of "params", True = kept; None: nothing is pruned.
        symmetric: see `quantize.Scheme`, as `per_channel` and `clip`.
        per_channel: a scale for each output.
        clip: what the largest integer stands for.
        include: patterns of the leaves that are quantized (see `tree.select`); None: the convolution kernels.
        exclude: patterns of leaves that are not.
        about: any JSON value that `load_packed` gives back, such as the model's name and fields.

    Raises:
        UserError: an array of another type, a weight that is not finite where it is quantized, wrong bits or
            patterns, no space or permission.
        ValueError: `about` is not JSON (which has no NaN), a key of `variables` has a slash in it, a mask has another
            shape than its leaf.
    """
    arrays = {name: np.asarray(leaf) for name, leaf in _named(variables).items()}
    kept = _masks(arrays, masks)
    scheme = Scheme(symmetric, per_channel, clip)
    integers: dict[str, Quantized] = {}
    if bits is not None:
        chosen = tree.leaves(tree.select(variables["params"], include, exclude))
        floats = {f"params/{name}": arrays[f"params/{name}"] for name, meant in chosen.items() if meant}
        _check_quantizable(floats, bits)
        everything = {name: kept.get(name, np.ones(x.shape, bool)) for name, x in floats.items()}
        integers = _quantize(floats, everything, jnp.int32(bits), scheme)

    unquantized = [coding.plain(name, array) for name, array in arrays.items()]
    entries, sections, leaves = [], [], []
    offset, bound = 0, 0.0
    for start in unquantized:
        mask = kept.get(start.name)
        if bits is not None and start.name in integers:
            coded = coding.encode_integers(start, integers[start.name], bits, symmetric, mask)
        else:
            coded = coding.encode(start, arrays[start.name], mask)
        entry, section, entropy = coded
        entries.append(dataclasses.replace(entry, offset=offset))
        sections.append(section)
        leaves.append(_line(entry, section, entropy))
        offset += len(section)
        bound += entropy

    content = _content(about, entries, sections)
    records.write_bytes(path, content)
    plain = _file_size(_header(about, _laid_out(unquantized)), sum(array.nbytes for array in arrays.values()))
    return Packed(len(content), offset, _up(bound), plain, tuple(leaves))


def load_packed(path: Path | str) -> tuple[dict[str, Any], Any]:
    """Read what `save_packed` wrote.

    Returns:
        The variables as nested dictionaries of NumPy arrays, ready for ``model.apply``: pruned weights are 0,
        quantized ones are (integer - zero) * scale. And `about`.

    Raises:
        UserError: the file cannot be read, is not a packed file, is truncated, was altered, or is of a newer version.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    header_bytes = _check_content(path, content)
    try:
        header = json.loads(zlib.decompress(content[_HEAD.size : _HEAD.size + header_bytes]))
        payload = memoryview(content)[_HEAD.size + header_bytes : -_CHECKSUM]
        variables: dict[str, Any] = {}
        for described in header["leaves"]:
            entry = Entry.from_json(described)
            *path_to, last = entry.name.split("/")
            inner = variables
            for key in path_to:
                inner = inner.setdefault(key, {})
            inner[last] = coding.decode(entry, payload)
        return variables, header["about"]
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise UserError(f"{path} has a header that this minjax cannot read: {error}") from error


def _check_content(path: Path | str, content: bytes) -> int:
    """The length of the header of a file that is whole and unaltered. The checksum comes before the version, so that
    a damaged version is no newer one."""
    if not content or content[: len(MAGIC)] != MAGIC[: len(content)]:
        raise UserError(f"{path} is not a packed file: it begins with {content[:8]!r}, not with {MAGIC!r}")
    if len(content) < _HEAD.size + _CHECKSUM:
        raise UserError(f"{path} is truncated: it has {len(content)} bytes, fewer than the smallest packed file")
    _, version, header_bytes, size = _HEAD.unpack_from(content)
    if len(content) < size:
        raise UserError(f"{path} is truncated: it has {len(content):,} of {size:,} bytes")
    if len(content) > size or hashlib.sha256(content[:-_CHECKSUM]).digest() != content[-_CHECKSUM:]:
        raise UserError(f"{path} was altered: its checksum is not that of its content")
    if version > VERSION:
        raise UserError(f"{path} is of version {version} of the format; this minjax reads up to version {VERSION}")
    return header_bytes


def _named(variables: Mapping[str, Any]) -> dict[str, Any]:
    named = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(dict(variables))[0]:
        keys = [getattr(key, "key", None) for key in path]
        if not all(isinstance(key, str) and "/" not in key for key in keys):
            raise ValueError(f"{jax.tree_util.keystr(path)}: variables are dictionaries whose keys have no slash")
        named["/".join(map(str, keys))] = leaf
    return named


@functools.partial(jax.jit, static_argnames="scheme")
def _quantize(
    leaves: dict[str, jax.Array], kept: dict[str, jax.Array], bits: jax.Array, scheme: Scheme
) -> dict[str, Quantized]:
    """Leaves as integers. Compiled, as the curves' programs are: out of one, XLA divides otherwise in the last bit."""
    quantize = functools.partial(quantize_array, symmetric=scheme.symmetric, clip=scheme.clip)
    return {
        name: quantize(x, bits, channel_axis=x.ndim - 1 if scheme.per_channel and x.ndim else None, where=kept[name])
        for name, x in leaves.items()
    }


def _masks(arrays: dict[str, np.ndarray], masks: Any) -> dict[str, np.ndarray]:
    kept = {f"params/{name}": np.asarray(mask) for name, mask in tree.leaves(masks).items()}
    for name, mask in kept.items():
        if name not in arrays or mask.shape != arrays[name].shape or mask.dtype != bool:
            raise ValueError(f"the mask of {name} is {mask.dtype} {mask.shape}, not bool of the leaf's shape")
    return kept


def _check_quantizable(arrays: dict[str, np.ndarray], bits: int) -> None:
    if isinstance(bits, bool) or bits not in BITS:
        raise UserError(f"bits is {bits}; it must be an integer from {BITS[0]} to {BITS[-1]}")
    for name, array in arrays.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise UserError(f"{name} is {array.dtype}; only floating-point arrays are quantized")
        if not np.isfinite(array.astype(np.float32)).all():
            raise UserError(f"{name} has a weight that is NaN or infinite; no integer stands for that")


def _line(entry: Entry, section: bytes, entropy: float) -> PackedLeaf:
    kept = entry.count if entry.kept is None else entry.kept
    return PackedLeaf(entry.name, entry.shape, entry.encoding, entry.bits, kept, entry.mask, len(section), _up(entropy))


def _laid_out(entries: Iterable[Entry]) -> list[Entry]:
    """Arrays that are neither pruned nor quantized, one after the other."""
    laid_out, offset = [], 0
    for entry in entries:
        laid_out.append(dataclasses.replace(entry, offset=offset))
        offset += entry.count * entry.bits // 8
    return laid_out


def _header(about: Any, entries: list[Entry]) -> bytes:
    described = {"about": about, "leaves": [entry.as_json() for entry in entries]}
    return zlib.compress(json.dumps(described, separators=(",", ":"), allow_nan=False).encode(), 9)


def _content(about: Any, entries: list[Entry], sections: list[bytes]) -> bytes:
    header = _header(about, entries)
    size = _file_size(header, sum(map(len, sections)))
    content = b"".join([_HEAD.pack(MAGIC, VERSION, len(header), size), header, *sections])
    return content + hashlib.sha256(content).digest()


def _file_size(header: bytes, payload: int) -> int:
    return _HEAD.size + len(header) + payload + _CHECKSUM


def _up(bits: float) -> int:
    """Bits as whole bytes, rounded up."""
    return -int(-bits // 8)
