import type { Command } from "commander";
import type { ConfigWords } from "../frontend/index.ts";
import { collect } from "./collect.ts";
import { CACHE_DIR, INSECURE } from "./common-flags.ts";

/** The flags of `slipway build` as commander has them. */
export interface BuildFlags extends ConfigWords {
  readonly tag?: readonly string[];
  readonly from?: string;
  /** True: `--link`, false: `--no-link`. */
  readonly link?: boolean;
  readonly dest: string;
  readonly annotation?: readonly string[];
  readonly platform?: readonly string[];
  readonly preserveOwner?: boolean;
  readonly preserveMtime?: boolean;
  /** False: `--no-xattrs`. */
  readonly xattrs: boolean;
  readonly sourceDateEpoch?: string;
  readonly output?: readonly string[];
  readonly push?: boolean;
  readonly unsafeSpecial?: boolean;
  readonly insecure?: boolean;
  readonly metadataFile?: string;
  readonly iidfile?: string;
  readonly jobs?: string;
  readonly progress: string;
  readonly store?: string;
  /** False: `--no-cache`. */
  readonly cache: boolean;
  readonly cacheDir?: string;
  readonly quiet?: boolean;
}

/** Declares the flags, in the words of `docker buildx build` where it has them. */
export function addBuildFlags(command: Command): Command {
  return command
    .optionsGroup("Image:")
    .option("-t, --tag <name>", "name the image; may be given several times", collect)
    .option("--from <image>", "build on scratch, or on an image: NAME, docker://NAME, oci:DIR[:TAG], …")
    .option("--link", "make the layer without reading the base's (default at a registry)")
    .option("--no-link", "read the base's layers, and ship only what differs")
    .option(
      "--platform <os/arch>",
      "os/arch[/variant], or several by commas (default: the base's, or this machine's)",
      collect,
    )
    .option("--annotation <key=value>", "annotate; index:KEY=VALUE and the like say where", collect)
    .optionsGroup("Files:")
    .option("--dest <path>", "where the files come in the image", "/")
    .option("--preserve-owner", "keep user and group ids (default: 0:0)")
    .option("--preserve-mtime", "keep modification times (default: 1970-01-01)")
    .option("--no-xattrs", "leave extended attributes out")
    .option("--source-date-epoch <seconds>", "latest time in the image, also from $SOURCE_DATE_EPOCH")
    .optionsGroup("Config (as JSON array, or words in a shell's quoting; no shell runs them):")
    .option("--entrypoint <command>", "what a container runs")
    .option("--cmd <command>", "its default arguments")
    .option("--env <key=value>", "set an environment variable", collect)
    .option("--workdir <path>", "working directory")
    .option("--user <user>", "user[:group], by name or number")
    .option("--label <key=value>", "add a label", collect)
    .option("--expose <port>", "port[/tcp|udp] it listens on", collect)
    .option("--volume <path>", "path that holds data", collect)
    .option("--stop-signal <signal>", "what ends it")
    .option("--healthcheck-cmd <command>", "JSON array, or a line for the image's /bin/sh")
    .option("--healthcheck-interval <time>", "30s, 1m30s, …")
    .option("--healthcheck-timeout <time>", "after which a check has failed")
    .option("--healthcheck-start-period <time>", "during which failures do not count")
    .option("--healthcheck-retries <number>", "failures in a row that count")
    .option("--no-healthcheck", "switch off the base's health check")
    .optionsGroup("Output:")
    .option("-o, --output <spec>", "type=image|registry|oci|docker|… as below (default: type=image)", collect)
    .option("--push", "push it: short for -o type=registry, or for push=true with type=image")
    .option("--unsafe-special", "type=local: also device nodes, setuid bits, owners, capabilities")
    .option("--metadata-file <file>", "write digests and names as JSON")
    .option("--iidfile <file>", "write the image ID")
    .option("--insecure", INSECURE)
    .option("--store <dir>", "store for images and layers (default: $SLIPWAY_STORE, or the user's)")
    .option("--cache-dir <dir>", CACHE_DIR)
    .option("--no-cache", "read, compress and make everything anew, and keep nothing for the next build")
    .option("-j, --jobs <number>", "compress that many blocks at once, in threads (default: one for each processor)")
    .option("--progress <mode>", "auto, plain, tty or rawjson", "auto")
    .option("-q, --quiet", "print just the image ID, on stdout");
}

/** What follows the list of flags in the help. */
export const BUILD_HELP: string = `
Output is one of
  type=docker,dest=FILE        archive for docker load, podman load, skopeo, ctr
  type=oci,dest=FILE           archive of an OCI image layout
  type=oci,tar=false,dest=DIR  OCI image layout directory, made or extended
  type=image                   into the store; push=true: to registries, too
  type=registry                to the registries of its names, and into no store
  type=tar,dest=FILE           the root filesystem as one tar
  type=local,dest=DIR          the root filesystem in a new directory
with dest=- for stdout, and with BuildKit's options: name, compression=gzip or
uncompressed, compression-level, compression-engine=slipway or fflate,
force-compression, oci-mediatypes, annotation.KEY, source-date-epoch,
rewrite-timestamp, push-by-digest, …

The files of type=local belong to the user who runs the build. Device nodes are
left out, as are setuid and setgid bits, capabilities and owners, and counted.
--unsafe-special keeps them: only for images trusted like a program of root's.

What a build reads and makes is remembered in the cache, of 2 GB at most or what
the last build takes, so that the next one reads and compresses only what
changed. It changes no byte of an image. slipway cache prune empties it.

Of a base at a registry only the documents are read. Its layers are read where
they are needed: for an archive, a store, another registry, or with --no-link.
Pushed to the same registry they are mounted, and neither read nor sent.

Examples:
  slipway build site -t site:1 --dest /srv -o type=docker,dest=site.tar
  slipway build dist -t web --from oci:base:latest \\
    --entrypoint "/usr/bin/web --port 80" -o type=docker,dest=web.tar
  slipway build dist -t host.example/web:1 --from nginx:stable --push
  slipway build . -t tool --platform linux/amd64,linux/arm64 \\
    -o type=oci,tar=false,dest=layout
  slipway build . -t tool -o type=docker,dest=- | docker load`;
