"""What the shapes of answers are made of, where the product fills them in itself, field by field.

The framework's own `Schema` reads from any object, with resolvers, and looks at every value twice for it. An answer that is
made of plain values needs none of that; it is checked once, where it is made.
"""

from pydantic import BaseModel


class Answer(BaseModel):
    """A shape of an answer, made from values by name."""
