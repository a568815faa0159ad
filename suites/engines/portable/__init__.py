"""An engine for every chip PyTorch runs on: transformers' models, decoded in slots, over HTTP.

Not the fastest engine on any chip; the same code on all of them. It is started by its template,
`templates/transformers.toml`, and imports nothing of ours that a bare PyTorch image lacks.
"""
