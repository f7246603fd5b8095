import { readGraph } from "../../../src/archive/index.ts";
import { writeBlob } from "../../../src/content/index.ts";
import { readBlob } from "../../../src/content/read.ts";
import { build } from "../../../src/index.ts";
import { createRegistry } from "../../../src/registry/index.ts";
import { generatedBytes } from "../../digests/generated.ts";
import type { Host } from "../../engines/hosts/host.ts";

/** Where an image comes from and where it goes. */
export interface ExchangeArgument {
  /** `127.0.0.1:5000/base:1` */
  readonly from: string;
  /** `127.0.0.1:5000/made`; each kind of store adds its own tag. */
  readonly to: string;
  /** The relay through which it is pulled. Default: directly. */
  readonly relay?: string | undefined;
  /** The relay through which it is pushed. Default: directly. */
  readonly pushRelay?: string | undefined;
  /** `HOST:PORT` of the token service that the user's password may be told. Default: none. */
  readonly tokenService?: string | undefined;
  /** The user at the registry that it is pushed to. Default: anonymous. */
  readonly user?: { readonly username: string; readonly password: string };
}

/** What an engine saw. The same in all of them. */
export interface ExchangeFacts {
  readonly stores: string;
  /** Digest of the base's manifest, and bytes of its blobs. */
  readonly pulled: { readonly digest: string; readonly bytes: number };
  /** Digest of the manifest that was made, and what the registry says of its tag. */
  readonly made: string;
  readonly pushed: string;
  readonly tags: readonly string[];
  readonly blobs: { readonly existing: number; readonly mounted: number; readonly uploaded: number };
}

/** Bytes of the layer's one large file: more than one chunk of anything. */
const SIZE = 3_000_000;

/** Pulls an image into each of a host's stores, puts a layer on it, pushes it, and reads back what the registry has. */
export async function exchange(argument: ExchangeArgument, host: Host): Promise<readonly ExchangeFacts[]> {
  const all: ExchangeFacts[] = [];
  for (const [name, open] of Object.entries(host.stores)) {
    const stores = await open();
    try {
      const tag = name.toLowerCase();
      const { from, to, relay, pushRelay, user, tokenService } = argument;
      const allowTokenService = ({ host }: URL): boolean => host === tokenService;
      const source = createRegistry({ relay, allowTokenService });
      const found = await source.source(from).resolve();
      const graph = await readGraph(found.content, found.descriptor);
      let bytes = 0;
      for (const blob of [...graph.documents, ...graph.layers]) {
        await writeBlob(stores.content, readBlob(found.content, blob), { digest: blob.digest, size: blob.size });
        bytes += blob.size;
      }
      const image = await build({
        ...stores,
        from: { descriptor: found.descriptor },
        files: { "/made/large.bin": generatedBytes(SIZE, 7), "/made/by.txt": "every engine alike\n" },
        config: { entrypoint: ["/made/by.txt"] },
      });
      const target = createRegistry({
        metadata: stores.metadata,
        credentials: () => user,
        allowTokenService,
        relay: pushRelay,
      });
      const pushed = await target.push(image, `${to}:${tag}`);
      const repository = target.repository(to);
      const { digest } = await repository.resolve(tag);
      const tags: string[] = [];
      for await (const one of repository.tags()) tags.push(one);
      if (pushed.descriptor.digest !== digest) throw new Error(`pushed ${pushed.descriptor.digest}, found ${digest}`);
      all.push({
        stores: name,
        pulled: { digest: found.descriptor.digest, bytes },
        made: image.digest,
        pushed: digest,
        tags: tags.filter((one) => one === tag),
        blobs: pushed.blobs,
      });
    } finally {
      await stores.close();
    }
  }
  return all;
}
