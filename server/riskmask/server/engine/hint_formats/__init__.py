"""One file per hint format; ``riskmask.server.engine.hints`` registers them."""
