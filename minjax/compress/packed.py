"""A compressed network as one file: bit-packed integers, masks, scales, a JSON header and a checksum.

docs/packed.md describes every byte, so that a reader can be written in any language. What is loaded equals, to the
bit, what `fake_quantize` gives for the pruned parameters. The checksum tells damage from a whole file; it does not tell
who wrote the file, so whatever a file says is checked before it is used.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from minjax import records, tree
from minjax.compress import coding, envelope, header
from minjax.compress.header import Entry
from minjax.compress.quantize import BITS, Quantized, Scheme, quantize_array
from minjax.errors import UserError


@dataclasses.dataclass(frozen=True)
class PackedLeaf:
    """The size of one array in a packed file.

    Attributes:
        name: the path of the leaf, starting with its collection: "params/conv/kernel".
        shape: shape of the array.
        encoding: "raw", "symmetric", "asymmetric" or "binary".
        bits: bits per stored value.
        kept: number of weights that are not pruned.
        mask: how the kept weights are marked: "none" (all are stored), "bitmask", or by the indices of the "kept" or of
            the "pruned".
        bytes: size of mask, values, scales and zero points together.
        bytes_entropy: the entropy bound of these bytes, rounded up.
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
    """The size of a packed file.

    Attributes:
        bytes_measured: size of the whole file.
        bytes_theoretical: size of the arrays alone, as `sizes.Layout.theoretical_bytes` counts them.
        bytes_entropy: the bound for the arrays: the order-0 entropy of each leaf's integers and mask (without the table
            of frequencies that a decoder needs), everything else at full size.
        bytes_unquantized: size of the file that the same network makes in this format, neither pruned nor quantized.
        leaves: the size of each array.
    """

    bytes_measured: int
    bytes_theoretical: int
    bytes_entropy: int
    bytes_unquantized: int
    leaves: tuple[PackedLeaf, ...]

    @property
    def share(self) -> float:
        """Size as a fraction of the file that is neither pruned nor quantized."""
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
    """Write a network to a file, atomically.

    Args:
        path: the file; missing folders are made.
        variables: {"params": ..., "batch_stats": ...}: nested dictionaries of arrays (float32, float16, bfloat16 or
            int32). Empty dictionaries are dropped.
        bits: per weight of the quantized leaves of "params", 1 to 16; None: nothing is quantized.
        masks: pytree of bool with the structure of "params", True = kept; None: nothing is pruned.
        symmetric: see `quantize.Scheme`.
        per_channel: see `quantize.Scheme`.
        clip: see `quantize.Scheme`.
        include: patterns of the leaves to quantize (see `tree.select`); None: the convolution kernels.
        exclude: patterns of the leaves not to quantize.
        about: any JSON value, such as the model's name and fields; `load_packed` returns it.

    Raises:
        UserError: an array of another type, a weight that is not finite in a leaf to quantize, bits or patterns that
            are not allowed, an `about` that is too long, no space or no permission.
        ValueError: `about` is not JSON (which has no NaN), a key of `variables` contains a slash, the dictionaries are
            nested too deeply, a mask has another shape than its leaf.
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
        entries.append(msgspec.structs.replace(entry, offset=offset))
        sections.append(section)
        leaves.append(_leaf(entry, section, entropy))
        offset += len(section)
        bound += entropy

    header.check(entries, offset, max_elements=None)
    content = envelope.seal(header.encode(about, entries), sections)
    records.write_bytes(path, content)
    plain = envelope.size(header.encode(about, _laid_out(unquantized)), sum(array.nbytes for array in arrays.values()))
    return Packed(len(content), offset, _up(bound), plain, tuple(leaves))


def packed_bytes(
    shapes: Mapping[str, Any],
    *,
    bits: int | None = None,
    symmetric: bool = True,
    per_channel: bool = True,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] = (),
    about: Any = None,
) -> int:
    """The size of the file that `save_packed` would write for a network that is not pruned, from its shapes alone.

    Args:
        shapes: the variables, as arrays or as their shapes and types.
        bits: as for `save_packed`, like all that follow.

    Raises:
        UserError: as `save_packed`.
    """
    chosen = tree.leaves(tree.select(shapes["params"], include, exclude)) if bits is not None else {}
    coded = {f"params/{name}" for name, meant in chosen.items() if meant}
    entries, offset = [], 0
    for name, leaf in _named(shapes).items():
        entry = coding.plain(name, leaf)
        if name in coded:
            assert bits is not None
            entry = coding.quantized(entry, bits, symmetric, leaf.shape[-1] if per_channel else 1)
        entries.append(msgspec.structs.replace(entry, offset=offset))
        offset += sum(entry.lengths)
    return envelope.size(header.encode(about, entries), offset)


def load_packed(path: Path | str, *, max_elements: int = header.SPARSE_ELEMENTS) -> tuple[dict[str, Any], Any]:
    """Read a file that `save_packed` wrote.

    Loading takes at most twice the memory of the arrays and 64 MiB. A file of any origin may be loaded: one that
    contradicts itself is refused.

    Args:
        path: the file.
        max_elements: the number of weights up to which nothing is asked of the payload; a network that has more needs a
            byte for every 8. Only a network of more than 16.7 million weights with some 95 % of them pruned needs
            another number than the default.

    Returns:
        The variables as nested dictionaries of NumPy arrays, ready for ``model.apply``: pruned weights are 0, quantized
        ones are (integer - zero) * scale; and `about`.

    Raises:
        UserError: the file cannot be read, is not a packed file, is truncated, altered or of a newer version, has a
            header or arrays that make no sense, or does not fit in memory.
    """
    with envelope.opened(path) as file:
        try:
            found = header.decode(file.header)
            header.check(found.leaves, file.payload_bytes, max_elements)
        except ValueError as error:
            raise UserError(f"{path} has a header that this minjax cannot read: {_one_line(error)}") from error
        try:
            variables = header.nest((entry.name, coding.decode(entry, file.payload)) for entry in found.leaves)
        except ValueError as error:
            raise UserError(f"{path} has an array that contradicts its header: {_one_line(error)}") from error
        except MemoryError as error:
            count = sum(entry.count for entry in found.leaves)
            raise UserError(f"{path} has {count:,} weights; there is not enough memory to load them") from error
    return variables, found.about


def _one_line(error: Exception) -> str:
    """The message of an error that may quote a header: printable, on one line, and not long."""
    text = "".join(character if character.isprintable() else "?" for character in str(error))
    return text if len(text) <= 300 else f"{text[:297]}..."


def _named(variables: Mapping[str, Any]) -> dict[str, Any]:
    named = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(dict(variables))[0]:
        keys = [getattr(key, "key", None) for key in path]
        if not all(isinstance(key, str) and "/" not in key for key in keys):
            raise ValueError(
                f"{jax.tree_util.keystr(path)}: variables must be dictionaries with no slash in their keys"
            )
        named["/".join(map(str, keys))] = leaf
    return named


@functools.partial(jax.jit, static_argnames="scheme")
def _quantize(
    leaves: dict[str, jax.Array], kept: dict[str, jax.Array], bits: jax.Array, scheme: Scheme
) -> dict[str, Quantized]:
    """Leaves as integers. Compiled, as the curves' programs are: outside a program the last bit of XLA's division
    differs."""
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
            raise UserError(f"{name} is {array.dtype}; only floating-point arrays can be quantized")
        if not np.isfinite(array.astype(np.float32)).all():
            raise UserError(f"{name} has a weight that is NaN or infinite, which no integer can represent")


def _leaf(entry: Entry, section: bytes, entropy: float) -> PackedLeaf:
    name, shape, kept = entry.name, entry.shape, entry.count_kept
    return PackedLeaf(name, shape, entry.encoding, entry.bits, kept, entry.mask, len(section), _up(entropy))


def _laid_out(entries: Iterable[Entry]) -> list[Entry]:
    """The entries of arrays that are neither pruned nor quantized, one after the other."""
    laid_out, offset = [], 0
    for entry in entries:
        laid_out.append(msgspec.structs.replace(entry, offset=offset))
        offset += entry.count * entry.bits // 8
    return laid_out


def _up(bits: float) -> int:
    """Convert bits to whole bytes, rounding up."""
    return -int(-bits // 8)
