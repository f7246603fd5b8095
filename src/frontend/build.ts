import { underLease } from "../content/leased-store.ts";
import { isReferencing } from "../content/references.ts";
import type { LayerLimits } from "../diff/layer-limits.ts";
import { SlipwayError } from "../errors.ts";
import type { BaseImage, ImageConfigOptions } from "../exporter/config.ts";
import { createExporter } from "../exporter/create-exporter.ts";
import type {
  ExportedImage,
  Exporter,
  ExporterInstance,
  ExporterOptions,
  ExporterStores,
  PlatformSource,
} from "../exporter/exporter.ts";
import { type Platform, parsePlatform } from "../oci/platform.ts";
import type { OperationOptions } from "../progress.ts";
import { createSnapshotter } from "../snapshots/create-snapshotter.ts";
import type { Ref, Snapshotter, WritableSnapshot } from "../snapshots/snapshotter.ts";
import {
  BUILD_LABEL,
  type BuildBase,
  type BuildRegistry,
  baseSnapshot,
  findBase,
  type PlatformBase,
  selectBases,
  temporaryKey,
} from "./base.ts";
import { fitToAnyBase } from "./linked-layer.ts";
import { addFiles, type BuildFile } from "./sources/files.ts";

/** What {@link build} makes an image of. */
export interface BuildOptions extends Omit<ExporterStores, "snapshots">, OperationOptions {
  /** Default: a new one in memory over `content`. */
  readonly snapshots?: Snapshotter | undefined;
  /** Default: a new one over the stores. Pass one to share work with other exports. */
  readonly exporter?: Exporter | undefined;
  /**
   * An image whose layers and config come first: itself, or its name at a registry (`debian:stable-slim`), which needs `registry`.
   * Default: none, from scratch.
   */
  readonly from?: BuildBase | string | undefined;
  /** Where `from` is found by its name, and who pushes unless there is a `pusher`. */
  readonly registry?: BuildRegistry | undefined;
  /**
   * BuildKit's `COPY --link`: the new layer is made without a look at the base's files, so that the base's layers are not read.
   * Everything goes into the layer with the attributes that it is given, directories on the way with mode 0755 and owner 0:0
   * (`/tmp` and `/var/tmp` with 1777, `/root` with 0700), and symlinks of the base are not followed but replaced: those that
   * distributions have at `/bin`, `/lib` and the like are warned of. `fill` sees an empty snapshot. With `false` the base's layers
   * are read, from wherever they are.
   *
   * Default: true for a base whose content is `remote`, false for others.
   */
  readonly link?: boolean | undefined;
  /** What the layers of a base must not go beyond together where they are read. */
  readonly baseLimits?: LayerLimits | undefined;
  /** Files by path, parents made as needed (0755). Default attributes: 0644, owner 0:0, mtime 0. */
  readonly files?: Readonly<Record<string, BuildFile>> | undefined;
  /**
   * Puts more into the image, after `files`: anything that a filesystem has, for example with `addDirectory` of `slipway/node`. Called
   * once for each different base, that is once where there is none or the layer is linked.
   */
  readonly fill?: ((work: WritableSnapshot, options: OperationOptions) => Promise<unknown>) | undefined;
  /**
   * Whether the layer is written while `files` and `fill` still bring files, so that these are read once: {@link ExporterInstance.writeAhead}.
   * It changes no byte. Default: true where `content` takes files by reference, and there is no base whose files are looked at.
   */
  readonly writeAhead?: boolean | undefined;
  /** How containers are started, and the rest of the config. Default: the base's. */
  readonly config?: ImageConfigOptions | undefined;
  /** `linux/arm64`, or several. Default: the base's, or else `linux/amd64`. Several make an index. */
  readonly platform?: Platform | string | readonly (Platform | string)[] | undefined;
  /** As for the exporter's `resolve`: names, compression, annotations, … */
  readonly options?: ExporterOptions | Readonly<Record<string, string>> | undefined;
}

/**
 * Files on a base, as an image in `content`: the short form of prepare, commit, resolve and export. What was there of the base
 * keeps its attributes, and the new layer holds only what changed; on a base at a registry the layer is made without it
 * ({@link BuildOptions.link}), and its layers stay there. Snapshots that it makes are removed at the end, whatever happens.
 *
 * @example
 * const image = await build({
 *   content,
 *   files: { "/app/hello.sh": { content: "#!/bin/sh\necho hi\n", mode: 0o755 } },
 *   config: { entrypoint: ["/app/hello.sh"] },
 * });
 * @throws SlipwayError `NOT_FOUND` if the base is not there or not for that platform, `INVALID_ARGUMENT` for a base by name without a
 *   registry, `INVALID_OPTION`, `INVALID_PLATFORM`, and what the exporter, the stores, the registry and `fill` throw
 */
export async function build(options: BuildOptions): Promise<ExportedImage> {
  return await underLease(options.leases, options.content, (content) =>
    buildIn({ ...options, content, leases: undefined }),
  );
}

async function buildIn(options: BuildOptions): Promise<ExportedImage> {
  const { content, hasher = content.hasher, metadata } = options;
  const snapshots = options.snapshots ?? createSnapshotter({ content, hasher });
  const exporter = options.exporter ?? createExporter({ ...storesOf(options), snapshots, hasher, metadata });
  // Before any work: a wrong option is told at once.
  const instance = exporter.resolve(options.options);
  const platforms = platformsOf(options.platform);
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const from =
    options.from === undefined ? undefined : await findBase(options.from, options.registry, { signal, onProgress });
  const bases = from && (await selectBases(from, content, platforms, signal));

  const made = new MadeSnapshots(snapshots);
  try {
    const sources = await fillPlatforms(options, { snapshots, instance, made }, targetsOf(platforms, bases));
    const [only] = sources;
    if (sources.length > 1 || only === undefined) {
      return await instance.export(sources, { signal, onProgress, config: options.config });
    }
    const { ref, platform, base } = only;
    return await instance.export(ref, { signal, onProgress, config: options.config, platform, base });
  } finally {
    await made.remove();
  }
}

/** What files are put into images with. */
interface Filling {
  readonly snapshots: Snapshotter;
  readonly instance: ExporterInstance;
  readonly made: MadeSnapshots;
}

/** Makes the files of each platform: once for each base that is looked at, for they do not depend on the platform. */
async function fillPlatforms(
  options: BuildOptions,
  filling: Filling,
  targets: readonly Target[],
): Promise<readonly PlatformSource[]> {
  const { snapshots, made } = filling;
  const { content, signal, onProgress, hasher = content.hasher } = options;
  const wanted = options.fill !== undefined || Object.keys(options.files ?? {}).length > 0;
  const filled = new Map<string | undefined, Ref>();
  const sources: PlatformSource[] = [];
  for (const { platform, base } of targets) {
    if (!wanted) {
      sources.push({ platform, base: base && { ...baseOf(base), ref: undefined } });
      continue;
    }
    const linked = isLinked(base, options);
    const reading = { signal, onProgress, hasher, limits: options.baseLimits };
    const baseRef = base && !linked ? await baseSnapshot(base, snapshots, reading) : undefined;
    if (baseRef !== undefined) made.hold(baseRef);
    const parent = baseRef?.key;
    const ref = filled.get(parent) ?? (await fillSnapshot(options, filling, { parent, linked }));
    filled.set(parent, ref);
    sources.push({ platform, ref, base: base && { ...baseOf(base), ref: baseRef?.key } });
  }
  return sources;
}

async function fillSnapshot(
  options: BuildOptions,
  { snapshots, instance, made }: Filling,
  { parent, linked }: { readonly parent: string | undefined; readonly linked: boolean },
): Promise<Ref> {
  const { files = {}, fill, signal, onProgress, content } = options;
  const key = temporaryKey("build");
  const snapshot = await snapshots.prepare(key, parent, { labels: { [BUILD_LABEL]: "temporary" } });
  made.add(key);
  const wanted = parent === undefined && (options.writeAhead ?? isReferencing(content));
  const ahead = wanted ? instance.writeAhead(snapshot, { signal }) : undefined;
  const work = ahead?.work ?? snapshot;
  try {
    await addFiles(work, files, { signal });
    await fill?.(work, { signal, onProgress });
    if (linked) await fitToAnyBase(work, warnerOf(options));
    const ref = await snapshots.commit(`${key}-done`, key);
    made.hold(ref);
    await ahead?.finish(ref);
    return ref;
  } catch (error) {
    await ahead?.abandon();
    throw error;
  }
}

/** Whether the layer on that base is made without it. */
function isLinked(base: PlatformBase | undefined, { link }: BuildOptions): boolean {
  return base !== undefined && (link ?? base.content.remote ?? false);
}

/** Who is told what the exporter's caller is told. */
function warnerOf({ options }: BuildOptions): (message: string) => void {
  const warn = options?.onWarning;
  return typeof warn === "function" ? warn : () => undefined;
}

interface Target {
  readonly platform: Platform;
  readonly base: PlatformBase | undefined;
}

const DEFAULT_PLATFORM: Platform = { os: "linux", architecture: "amd64" };

function targetsOf(platforms: readonly Platform[], bases: readonly PlatformBase[] | undefined): readonly Target[] {
  if (bases === undefined) {
    return (platforms.length === 0 ? [DEFAULT_PLATFORM] : platforms).map((platform) => ({ platform, base: undefined }));
  }
  // The base's own words: it may say `arm64/v8` where `arm64` was asked for.
  return bases.map((base) => ({ platform: base.platform, base }));
}

function baseOf({ manifest, content, diffIDs }: PlatformBase): BaseImage {
  return { manifest, content, diffIDs };
}

/** The snapshots of one build, to be taken away again. */
class MadeSnapshots {
  readonly #snapshots: Snapshotter;
  readonly #refs: Ref[] = [];
  readonly #keys: string[] = [];

  constructor(snapshots: Snapshotter) {
    this.#snapshots = snapshots;
  }

  add(key: string): void {
    this.#keys.push(key);
  }

  hold(ref: Ref): void {
    this.#refs.push(ref);
    this.#keys.push(ref.key);
  }

  /** Children first. Never fails: what ended the build is what the caller is to hear. */
  async remove(): Promise<void> {
    for (const ref of this.#refs) ref.release();
    for (const key of this.#keys.reverse()) {
      try {
        // A base that the caller has put there himself stays.
        if (key.startsWith("base/") && (await this.#snapshots.stat(key)).labels[BUILD_LABEL] === undefined) continue;
        await this.#snapshots.remove(key);
      } catch {
        // Committed under another key, or a base on which others still build: the last of them removes it.
      }
    }
  }
}

function storesOf({
  content,
  images,
  differ,
  compressPool,
  blockCache,
  registry,
  pusher = registry,
}: BuildOptions): Omit<ExporterStores, "snapshots"> {
  return { content, images, differ, compressPool, blockCache, pusher };
}

function platformsOf(platform: BuildOptions["platform"]): readonly Platform[] {
  if (platform === undefined) return [];
  const list: readonly (Platform | string)[] = Array.isArray(platform) ? platform : [platform];
  if (list.length === 0) throw new SlipwayError("INVALID_ARGUMENT", "Cannot build: the list of platforms is empty");
  return list.map((one) => (typeof one === "string" ? parsePlatform(one) : one));
}
