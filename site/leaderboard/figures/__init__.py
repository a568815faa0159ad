"""Rows, figures and charts that pages show, without a page."""
