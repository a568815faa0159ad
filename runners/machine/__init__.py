"""The machine under test: what it is, how it is set, what keys it holds."""
