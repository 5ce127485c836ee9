"""The article in a page. Imported with the first page that is read: what it brings costs each process some forty MB."""

import trafilatura


def extract(html: str) -> tuple[str, str]:
    """Return title and article text; the whole text where no article is found."""
    document = trafilatura.bare_extraction(html, with_metadata=True, include_comments=False)
    title = str(getattr(document, "title", "") or "")
    text = str(getattr(document, "text", "") or "")
    return title, text or trafilatura.html2txt(html)
