"""``python -m riskmask.client``: the command line where no script is installed."""

from riskmask.client.cli import main

main()
