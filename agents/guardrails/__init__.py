"""Pure decisions about whether a session may go on: budget, loops, inputs. Values in, a value out."""
