"""Finds the code that fits an item, however it is written. Pure: plain values in, plain values out."""
