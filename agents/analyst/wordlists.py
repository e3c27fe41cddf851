"""Lists of English words that the analyst goes by; what stands here is about language, never about one plant."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EQUIPMENT = _words("""
    actuator agitator blower boiler centrifuge chiller compressor conveyor cooler crane crusher cylinder dryer elevator
    engine excavator exchanger extruder fan filter furnace gearbox generator grinder heater hoist kiln lathe lift loader
    locomotive mill mixer motor oven press pump reactor robot roller rotor screw separator shuttle sorter spindle
    stacker tank tower train transformer truck turbine turbofan vehicle
""")
"""Kinds of machine people name."""

COUNTED_STEMS = _words("machin day fault alarm episod event tim worst best most least hottest coldest high low")
"""What numbers count (`the three hottest days`), as stems."""

MEASURED_IN = _words("""
    degree celsius fahrenheit kelvin bar pascal volt amp ampere watt kilowatt hertz litre meter metre gram kilo percent
    second minute hour part
""")
"""Units and other words that look like slips of words tools use."""

UNRECORDED = _words("""
    age birthday boss bought brand budget built buy calibrate calibrated carbon certificate certified charge
    cheap cheapest clean cleaned color colour commissioned compliance compliant contract cost crew cv delivered
    dollar donate efficiency emission employee energy euro expensive expire fly footprint guarantee heavier
    heaviest heavy height inspection install installed insurance insure insured inventory invoice kwh law
    lawsuit legal licence license location lubricated maintained maintenance maker manager manual manufacture
    manufactured manufacturer model money noise noisy old older oldest operator overhaul overhauled owner paint
    patent pay people person phone price profit purchase purchased rent repaint replace replaced responsible
    revenue safe safety salary sell seller serial service serviced shift size sold spare staff stock supplier
    tax team technician telephone vendor visit wage warranty weather weigh weight wide worker worth young
    youngest
""")
"""What is asked about machines and stands in other books than the plant's data: age, price, warranty, people, service
records. A tool that knows of it says the word itself."""

EMPTY = _words("been thing things kind sort case already know were also does could would please tell show")
"""Words that describe nothing."""

JOINTS = _words("""
    and or but so then also what about how in on at of the a an for from with to please now i me
""")
"""Words a question keeps when everything it names is taken out."""

ENGLISH = _words("""
    the a an of on in at to is are was were what which when how why who has have had did does do and or it its for with
    from since any there this that show me give list compare most last first before after between
""")
FOREIGN = _words("""
    ist sind war waren mit dem den der das und wie wann warum welche welcher welches nicht ein eine einen für von zu gab
    wurde passiert hat haben im am letzte letzten
    qué que pasó paso con el los las una por cómo cuándo cuál cuáles ha sido del está hubo y
    quel quelle quels quelles est sont les des une du au pourquoi quand combien avec dans et il
    che è gli perché quando quale quali nel della sono stato
""")
"""Function words of German, Spanish, French and Italian that English does not have, or seldom."""
