"""`samgraph explore`: a local page to walk the graph."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click


@click.command("explore")
@click.argument("run", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="A fixed port, so that bookmarks stay; any free one by default.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def command(run: Path | None, port: int | None, no_browser: bool) -> None:
    """Walk value chains, companies, products, baskets, pairs and holdings on a local page.

    Every answer is as of the day, and as known at the moment, that are set at the top of the page. With RUN companies
    have their scores with explanations and what its portfolios held of them, products their factor returns and what
    they brought to its excess return, and holdings a forecast of risk. The page listens on 127.0.0.1 alone, its
    address holds a secret that is made anew at every start, it only reads, and it loads nothing from the network.
    Ctrl-C ends it.

    \b
    Examples:
      samgraph explore
      samgraph explore runs/csi300 --port 8765
    """
    from samgraph.config import load_config
    from samgraph.explore.server import HOST, listen, new_token, serve
    from samgraph.explore.state import Explorer
    from samgraph.graph.connect import connect

    opened = settings = None
    if run is not None:
        from samgraph.explore.runs import RunAnswers

        opened = RunAnswers(run)
        settings = load_config(run / "config.toml", {}).neo4j.settings()
    with listen(port or 0) as bound, connect(settings) as graph:
        explorer = Explorer(graph, opened)
        explorer.start()  # an empty graph is told before a page is opened
        token = new_token()
        address = f"http://{HOST}:{bound.getsockname()[1]}/{token}/"
        click.echo(address)
        if not no_browser:
            webbrowser.open(address)
        serve(explorer, bound, token)
