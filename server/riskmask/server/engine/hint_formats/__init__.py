"""One file per encoder's hint; ``riskmask.server.engine.hints`` registers them."""
