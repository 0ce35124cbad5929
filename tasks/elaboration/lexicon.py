"""General words of English and German that every project's requests share. No name of any project is in here.

To let more be understood, add a word to its list; what a project calls its own metrics goes into dbt (`meta.synonyms`).
"""

from __future__ import annotations


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


FILLERS = frozenset(
    _split(
        "a an the of for from in on at to our my your their its this that these those is are was were be all total "
        "overall number numbers count sum amount figures figure der die das den dem des ein eine einen einer eines "
        "unser unsere unseren unserer mein meine von vom für im am an zum zur ist sind alle allen anzahl summe gesamt "
        "per pro s"
    )
)
"""Words between the words of a name, which say nothing by themselves."""
LINKS = frozenset(_split("of for from per von vom der des pro je für s"))
"""Words over which the words of a name may change places: `rate of refunds`."""
CONDITIONS = frozenset(
    _split(
        "on with without from of for in at above below under over where who which that lost von mit ohne aus für bei "
        "in am"
    )
)
"""What begins words that leave something out, behind a metric's or a dimension's name: `orders on weekends`."""
NO_CONDITION = frozenset(
    _split(
        "chart charts graph table line bar bars pie trend time page dashboard report overview us me team please"
    )
)
"""What stands behind such a word and leaves nothing out: `orders over time`."""
GENERIC = frozenset(
    _split(
        "average mean rate ratio value total number count share days day per first new seen time net gross amount "
        "quote wert durchschnitt durchschnittlich mittel median percentage percent level score index figure gross"
    )
)
"""Words of many names, which alone mean none of them."""
PARTICIPLES = frozenset(
    _split("won lost sold closed opened written off returned paid used made seen placed verkauft gewonnen")
)
ADDING = frozenset(
    _split(
        "add include including also additionally plus show too with dazu auch zusätzlich außerdem ergänze ergänzen "
        "hinzufügen zeige zeigt mit"
    )
)
"""Words of a change: what comes after is to be shown, too."""
DROPPING = frozenset(
    _split("remove drop hide omit without exclude excluding minus ohne entferne entfernen weglassen streiche")
)
INSTEAD = frozenset(_split("instead rather statt anstatt anstelle"))
"""Before what another thing is to be shown for."""
POLITE = frozenset(
    _split(
        "please bitte thanks thank danke you hi hello hallo hey it as well me us can could we i would like want need "
        "wir ich es see have get use make just now then split filter filtered refresh refreshed update updated shown "
        "chart dashboard page report sehen zeigen haben könnten können möchte möchten brauche brauchen hätte hätten "
        "gern gerne"
    )
)
"""Words of a change that ask for nothing by themselves."""
SAYING = frozenset(_split("i we you they ich wir sie"))
WISHING = frozenset(
    _split(
        "can could would like want need möchte möchten brauche brauchen hätte hätten können könnten gern gerne"
    )
)
"""What makes a wish of a sentence about us: `we see orders` is none, `we would like to see orders` is."""
ASKING = frozenset(_split("is are was were do does did has had ist sind war waren hat"))
"""First words of a question."""
PREPOSITIONS = frozenset(_split("of from for per to by in with von aus für pro je nach mit"))
TRANSLATIONS = {
    "umsatz": "revenue",
    "umsätze": "revenue",
    "erlös": "revenue",
    "erlöse": "revenue",
    "bestellung": "orders",
    "auftrag": "orders",
    "aufträge": "orders",
    "kunde": "customers customer",
    "land": "country",
    "länder": "country",
    "retoure": "refunds refund",
    "erstattung": "refunds refund",
    "rückerstattung": "refunds refund",
    "gutschrift": "refunds refund",
    "quote": "rate",
    "durchschnittlich": "average",
    "durchschnitt": "average",
    "mittlere": "average",
    "produkt": "product products",
    "artikel": "product products",
    "linie": "line",
    "stück": "units unit",
    "einheit": "units unit",
    "preis": "price",
    "brutto": "gross",
    "netto": "net",
    "fahrt": "rides ride",
    "dauer": "duration length",
    "minute": "minutes",
    "wert": "value",
    "gewonnen": "won",
    "abschluss": "deals",
    "abschlüsse": "deals",
    "offen": "open",
    "verloren": "lost",
    "filiale": "store stores",
    "laden": "store stores",
    "läden": "store stores",
    "besuch": "visits visit",
    "rechnung": "invoices invoice",
    "kategorie": "category",
    "kanal": "channel",
    "kanäle": "channel",
    "abteilung": "department",
    "betreuer": "owner",
    "phase": "stage",
    "patient": "patients patient",
    "aufnahme": "admissions admission",
    "einweisung": "admissions admission",
    "bett": "beds bed",
    "belegung": "occupancy",
    "wartezeit": "waiting time",
    "kosten": "cost costs",
    "kündigung": "churn",
    "abonnement": "subscriptions subscription",
    "vertrag": "contracts contract",
    "verträge": "contracts contract",
    "tarif": "plan",
    "lager": "warehouse",
    "lieferant": "supplier",
    "mitarbeiter": "employees employee",
    "versicherung": "insurance",
}
"""General German words of business, and the English that names are mostly made of."""
VALUE_TRANSLATIONS = {
    "deutschland": "Germany",
    "frankreich": "France",
    "spanien": "Spain",
    "italien": "Italy",
    "niederlande": "Netherlands",
    "niederlanden": "Netherlands",
    "holland": "Netherlands",
    "belgien": "Belgium",
    "schweiz": "Switzerland",
    "österreich": "Austria",
    "portugal": "Portugal",
    "irland": "Ireland",
    "polen": "Poland",
    "schweden": "Sweden",
    "norwegen": "Norway",
    "dänemark": "Denmark",
    "finnland": "Finland",
    "griechenland": "Greece",
    "großbritannien": "United Kingdom",
    "england": "United Kingdom",
    "japan": "Japan",
    "kanada": "Canada",
    "australien": "Australia",
}
"""Countries as Germans write them, and as data mostly has them."""
COMMON_VALUES = frozenset(
    _split(
        "open closed won lost key large medium small active inactive other others unknown none online offline new old "
        "yes no true false high low all any guest guests chain standard basic main general direct internal external "
        "public private male female urgent normal north south east west central first second one two gold silver men "
        "women free paid pro plus lead leads won deal trial team enterprise web app mobile phone email search"
    )
)
"""Values of dimensions that are also everyday words: alone they filter nothing."""
NUMBERS = {
    word: number
    for number, words in enumerate(
        (
            "one a an ein eine einen einem",
            "two zwei couple",
            "three drei",
            "four vier",
            "five fünf",
            "six sechs",
            "seven sieben",
            "eight acht",
            "nine neun",
            "ten zehn",
            "eleven elf",
            "twelve zwölf",
        ),
        1,
    )
    for word in words.split()
}
UNITS = {
    "day": "day",
    "days": "day",
    "tag": "day",
    "tage": "day",
    "tagen": "day",
    "week": "week",
    "weeks": "week",
    "woche": "week",
    "wochen": "week",
    "month": "month",
    "months": "month",
    "monat": "month",
    "monate": "month",
    "monaten": "month",
    "quarter": "quarter",
    "quarters": "quarter",
    "quartal": "quarter",
    "quartale": "quarter",
    "quartalen": "quarter",
    "year": "year",
    "years": "year",
    "jahr": "year",
    "jahre": "year",
    "jahren": "year",
}
"""Words for lengths of time, and the grain that each is."""
ONE_UNIT = "day|week|month|quarter|year|tag|woche|monat|quartal|jahr"
"""A unit as it stands in a list of splits, for a pattern."""
GRAIN_ADJECTIVES = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "year",
    "annual": "year",
    "tageweise": "day",
    "wochenweise": "week",
    "monatsweise": "month",
    "quartalsweise": "quarter",
    "jahresweise": "year",
    **{
        f"{word}{ending}": unit
        for word, unit in (
            ("täglich", "day"),
            ("wöchentlich", "week"),
            ("monatlich", "month"),
            ("vierteljährlich", "quarter"),
            ("jährlich", "year"),
        )
        for ending in ("", "e", "en", "er", "es", "em")
    },
}
ORDINALS = {
    **{
        word: number
        for number, words in enumerate(
            (
                "1st first 1. erste ersten erstes",
                "2nd second 2. zweite zweiten zweites",
                "3rd third 3. dritte dritten drittes",
                "4th fourth 4. vierte vierten viertes",
            ),
            1,
        )
        for word in words.split()
    },
}
"""Of a quarter, or of a half of a year."""
WEEKDAYS = {
    "monday": "Monday",
    "tuesday": "Tuesday",
    "wednesday": "Wednesday",
    "thursday": "Thursday",
    "friday": "Friday",
    "saturday": "Saturday",
    "sunday": "Sunday",
    "montag": "Monday",
    "dienstag": "Tuesday",
    "mittwoch": "Wednesday",
    "donnerstag": "Thursday",
    "freitag": "Friday",
    "samstag": "Saturday",
    "sonntag": "Sunday",
}
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january januar jänner jan",
            "february februar feb",
            "march märz",
            "april apr",
            "may mai",
            "june juni jun",
            "july juli jul",
            "august aug",
            "september sept sep",
            "october oktober oct okt",
            "november nov",
            "december dezember dec dez",
        ),
        1,
    )
    for name in names.split()
}
