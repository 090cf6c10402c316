"""Models trained here beside a target: to know what it would say of a text that it never saw."""
