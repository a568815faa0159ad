"""Measure: run one case on this machine and give back raw samples.

No keys, no prices, no network but the endpoint under test; imports no other room.
"""
