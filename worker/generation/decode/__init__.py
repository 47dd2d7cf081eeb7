"""Fast autoregressive generation: chunks of tokens decoded inside one compiled graph, no Python per token.

sampling.py chooses tokens, engine.py runs chunks, decoder.py and recurrent.py know their models.
"""
