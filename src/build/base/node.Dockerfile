# sekisho/node: the base with the same Node that runs the CLI, from the lockfile's node-linux-* package.
FROM sekisho/base
COPY node /usr/local/bin/node
COPY LICENSE /usr/local/share/doc/node/LICENSE
RUN ["/usr/local/bin/node", "--version"]
