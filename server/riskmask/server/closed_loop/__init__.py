"""Whether meaning survives: pictures coded at equal bytes with hints of four kinds, and judged.

Pictures of the held-out side are coded by real encoders and decoded by standard decoders; witnesses
say what is left of the words, symbols and faces.
"""
