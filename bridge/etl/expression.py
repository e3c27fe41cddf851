"""A small safe language over columns: parsed by Python's grammar, arithmetic and logic of it let through."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from bridge.etl.compute import pc
from core.errors import InputError

_MOST_CHARACTERS = 500
_Value = Any
"""An Arrow array or scalar."""


def _float(value: _Value) -> _Value:
    return pc.cast(value, pa.float64())


_BINARY: dict[type[ast.operator], Callable[[_Value, _Value], _Value]] = {
    ast.Add: lambda a, b: pc.binary_join_element_wise(a, b, "") if _is_text(a) else pc.add(a, b),
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: lambda a, b: pc.divide(_float(a), _float(b)),
    ast.Pow: lambda a, b: pc.power(_float(a), _float(b)),
    ast.FloorDiv: lambda a, b: pc.floor(pc.divide(_float(a), _float(b))),
    ast.Mod: lambda a, b: pc.subtract(_float(a), pc.multiply(_float(b), pc.floor(pc.divide(_float(a), _float(b))))),
}
_COMPARE: dict[type[ast.cmpop], Callable[[_Value, _Value], _Value]] = {
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}
_FUNCTIONS: dict[str, tuple[int, Callable[..., _Value]]] = {
    "abs": (1, pc.abs),
    "sqrt": (1, lambda a: pc.sqrt(_float(a))),
    "exp": (1, lambda a: pc.exp(_float(a))),
    "log": (1, lambda a: pc.ln(_float(a))),
    "round": (2, lambda a, digits: pc.round(a, ndigits=int(digits.as_py()))),
    "floor": (1, pc.floor),
    "ceil": (1, pc.ceil),
    "min": (2, pc.min_element_wise),
    "max": (2, pc.max_element_wise),
    "lower": (1, pc.utf8_lower),
    "upper": (1, pc.utf8_upper),
    "trim": (1, pc.utf8_trim_whitespace),
    "is_null": (1, pc.is_null),
    "coalesce": (2, pc.coalesce),
    "if_else": (3, pc.if_else),
}


def _is_text(value: _Value) -> bool:
    return pa.types.is_string(value.type) or pa.types.is_large_string(value.type)


class Expression:
    """Columns by name, or by `col("Any Name")`; numbers, texts, arithmetic, comparisons, `and`, `or`, `not`, `in`, and
    the functions above. Null stays null, as in SQL.

    Raises:
        ValueError: the text is none, or holds what the language has not.
    """

    def __init__(self, text: str) -> None:
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(f"an expression has at most {_MOST_CHARACTERS} characters")
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ValueError(f"{text!r} is not an expression: {error}") from None
        self.text = text
        self.columns: set[str] = set()
        _check(self._tree, self.columns)

    def over(self, table: pa.Table) -> _Value:
        """Its value for every row.

        Raises:
            InputError: a column is missing or of another type than the expression needs.
        """
        missing = sorted(self.columns - set(table.column_names))
        if missing:
            raise InputError(
                "expression names a column that is not there",
                expected=", ".join(table.column_names),
                received=missing[0],
                where=self.text,
            )
        try:
            found = _value(self._tree, table)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise InputError("expression cannot be computed", received=str(error), where=self.text) from error
        if isinstance(found, pa.Scalar):
            return pa.repeat(found, table.num_rows)
        return found

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """A field of this type is written as text."""
        del source, handler
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(min_length=1),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda one: one.text),
        )


def _check(node: ast.expr, columns: set[str]) -> None:
    match node:
        case ast.Constant(value=value):
            if not (value is None or isinstance(value, bool | int | float | str)):
                raise ValueError(f"{value!r} is no number, text or truth")
        case ast.Name(id=name):
            columns.add(name)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=inner):
            _check(inner, columns)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            _check(left, columns)
            _check(right, columns)
        case ast.BoolOp(values=values):
            for one in values:
                _check(one, columns)
        case ast.Compare(
            left=left, ops=[ast.In() | ast.NotIn()], comparators=[ast.List(elts=items) | ast.Tuple(elts=items)]
        ):
            _check(left, columns)
            if not all(isinstance(item, ast.Constant) for item in items):
                raise ValueError("`in` takes a list of numbers or texts")
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARE for op in ops):
            for one in (left, *others):
                _check(one, columns)
        case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))], keywords=[]):
            columns.add(name)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            if len(arguments) != _FUNCTIONS[name][0]:
                raise ValueError(f"{name} takes {_FUNCTIONS[name][0]} arguments")
            if name == "round" and not (isinstance(arguments[1], ast.Constant) and type(arguments[1].value) is int):
                raise ValueError("round takes a number of digits")
            for one in arguments:
                _check(one, columns)
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is not part of the language; functions: {', '.join(_FUNCTIONS)}")


def _value(node: ast.expr, table: pa.Table) -> _Value:
    match node:
        case ast.Constant(value=value):
            return pa.scalar(value)
        case ast.Name(id=name) | ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))]):
            return table.column(name)
        case ast.UnaryOp(op=op, operand=inner):
            found = _value(inner, table)
            return pc.invert(found) if isinstance(op, ast.Not) else pc.negate(found)
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, table), _value(right, table))
        case ast.BoolOp(op=op, values=values):
            both = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
            return _chain([_value(one, table) for one in values], both)
        case ast.Compare(
            left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[ast.List(elts=items) | ast.Tuple(elts=items)]
        ):
            found = _value(left, table)
            known = pa.array([item.value for item in items if isinstance(item, ast.Constant)]).cast(found.type)
            inside = pc.if_else(pc.is_null(found), pa.scalar(None, pa.bool_()), pc.is_in(found, value_set=known))
            return pc.invert(inside) if isinstance(op, ast.NotIn) else inside
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(one, table) for one in (left, *others)]
            pairs = [_COMPARE[type(op)](a, b) for op, a, b in zip(ops, values, values[1:], strict=False)]
            return _chain(pairs, pc.and_kleene)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name][1](*(_value(one, table) for one in arguments))
        case _:
            raise AssertionError(ast.dump(node))


def _chain(values: list[_Value], both: Callable[[_Value, _Value], _Value]) -> _Value:
    found = values[0]
    for one in values[1:]:
        found = both(found, one)
    return found
