"""Addresses of records and of compiled functions, for code that is compiled apart.

A strategy is compiled alone and the engine calls it by its address, so that the engine's machine
code is the same for all strategies. Compiled code only: interpreted, functions and records are
handed over as they are. Nothing here checks an address.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

VERB = types.void(types.int64, types.int64, types.int64, types.int64)
"""Type of a function that the engine calls by address: four addresses of records."""

_INT8 = ir.IntType(8)
_INT64 = ir.IntType(64)


def _address_of(typing_context: Any, record: Any) -> Any:
    """``address_of(record)``: where a record lies."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], _INT64)

    return types.int64(record), generate


address_of: Any = intrinsic(_address_of)


def _record_at(typing_context: Any, address: Any, dtype: Any) -> Any:
    """``record_at(address, dtype)``: the record of `dtype` that lies at an address."""
    record = dtype.dtype

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(record))

    return record(types.int64, dtype), generate


record_at: Any = intrinsic(_record_at)


def _word_at(typing_context: Any, address: Any, number: Any) -> Any:
    """``word_at(address, number)``: the int64 that lies `number` words after an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = builder.inttoptr(arguments[0], _INT64.as_pointer())
        return builder.load(builder.gep(words, [arguments[1]], source_etype=_INT64))

    return types.int64(types.int64, types.int64), generate


word_at: Any = intrinsic(_word_at)


def _byte_at(typing_context: Any, address: Any, number: Any) -> Any:
    """``byte_at(address, number)``: the byte `number` bytes after an address, as int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        octets = builder.inttoptr(arguments[0], _INT8.as_pointer())
        octet = builder.load(builder.gep(octets, [arguments[1]], source_etype=_INT8))
        return builder.zext(octet, _INT64)

    return types.int64(types.int64, types.int64), generate


byte_at: Any = intrinsic(_byte_at)


def _call_verb(typing_context: Any, verb: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """``call_verb(address, a, b, c, d)``: call the `VERB` there; its errors pass through."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.call_conv.get_function_type(VERB.return_type, VERB.args)
        verb = builder.inttoptr(arguments[0], kind.as_pointer())
        status, _ = context.call_conv.call_function(
            builder, verb, VERB.return_type, VERB.args, arguments[1:]
        )
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.void(types.int64, *VERB.args), generate


call_verb: Any = intrinsic(_call_verb)


def address_of_verb(entry: Any) -> int:
    """Compile or fetch an entry of type `VERB` and return where its machine code lies.

    The code stays there as long as `entry` does.
    """
    with global_compiler_lock:  # while another thread compiles, the address is not to be had
        entry.compile(VERB.args)
        made = entry.overloads[VERB.args]
        return int(made.library.get_pointer_to_function(made.fndesc.llvm_func_name))
