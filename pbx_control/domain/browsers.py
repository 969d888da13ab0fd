"""What a browser calls itself, in words by which a person knows his own: browser and system."""

# The first that is found counts: each also names those below it, so that old sites take it for one of them.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
# Of what a browser sends, characters that are kept.
LONGEST_AGENT = 250


def browser_and_system(agent: str) -> tuple[str, str]:
    """Their names, as their makers write them; "" for what is not known. Whoever signs in can send what he likes."""
    return _first(BROWSERS, agent), _first(SYSTEMS, agent)


def _first(known: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for mark, name in known if mark in agent[:LONGEST_AGENT]), "")
