"""How many decimals the shop's minor units have, for gateways that count in other units."""

from __future__ import annotations

# The shop counts as CLDR does, which differs from ISO 4217 in some currencies (RSD, LAK, IQD…):
# a gateway that means another number of decimals would take a hundred times too much.
_CODES = {
    0: """ADP AFN ALL BIF BYR CLP DJF ESP GNF IQD IRR ISK ITL JPY KMF KPW KRW LAK LBP LUF MGA MGF
        MMK MRO PYG RSD RWF SLL SOS STD SYP TMM TRL UGX UYI VND VUV XAF XOF XPF YER ZMK ZWD""",
    3: "BHD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_OTHER_THAN_TWO = {code: digits for digits, codes in _CODES.items() for code in codes.split()}


def minor_digits(currency: str) -> int:
    """Decimals of the shop's amounts: EUR 2, JPY 0, KWD 3."""
    return _OTHER_THAN_TWO.get(currency, 2)


def rescaled(amount: int, *, digits: int, wanted: int) -> int:
    """The same money counted in units of `wanted` decimals; ValueError where it is no whole one."""
    if wanted >= digits:
        return amount * int(10 ** (wanted - digits))
    units, rest = divmod(amount, int(10 ** (digits - wanted)))
    if rest:
        raise ValueError("the amount is finer than the gateway can count")
    return units
