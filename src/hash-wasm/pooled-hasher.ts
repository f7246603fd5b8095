import { crc32 } from "../compress/crc32.ts";
import { SlipwayError } from "../errors.ts";
import type { Hasher } from "../hash/hasher.ts";
import type { DigestAlgorithm } from "../oci/digest.ts";
import type { Engine, EnginePool, EngineUser } from "./engine-pool.ts";

/** A {@link Hasher} that computes on an engine of a pool and keeps its state aside while the engine is another's. */
export class PooledHasher implements Hasher, EngineUser {
  readonly #pool: EnginePool;
  /** Up to date only while no engine is ours. */
  #aside: Uint8Array;

  constructor(pool: EnginePool, state: Uint8Array = pool.initialState) {
    this.#pool = pool;
    this.#aside = state;
  }

  putAside(state: Uint8Array): void {
    this.#aside = state;
  }

  update(bytes: Uint8Array): void {
    this.#engine().update(bytes);
  }

  digest(): Uint8Array {
    const engine = this.#engine();
    const state = engine.save();
    const hash = engine.digest("binary");
    engine.load(state);
    return hash;
  }

  clone(): PooledHasher {
    return new PooledHasher(this.#pool, this.#state());
  }

  /** Tag, checksum, state of the engine. */
  save(): Uint8Array {
    const state = this.#state();
    const saved = new Uint8Array(HEAD_SIZE + state.byteLength);
    saved.set(tagOf(this.#pool.algorithm));
    saved.set(state, HEAD_SIZE);
    new DataView(saved.buffer).setUint32(TAG_SIZE, crc32(state));
    return saved;
  }

  #engine(): Engine {
    return this.#pool.ownedBy(this) ?? this.#pool.take(this, this.#aside);
  }

  #state(): Uint8Array {
    return this.#pool.ownedBy(this)?.save() ?? this.#aside;
  }
}

/** A hasher in a state that {@link PooledHasher.save} gave. @throws SlipwayError `INVALID_ARGUMENT` if it is none of this algorithm's */
export function loadHasher(pool: EnginePool, saved: Uint8Array): Hasher {
  const { algorithm, initialState } = pool;
  const tag = tagOf(algorithm);
  if (saved.byteLength !== HEAD_SIZE + initialState.byteLength || tag.some((byte, at) => byte !== saved[at])) {
    throw refused(`it is not one that hash-wasm saved for ${algorithm}`);
  }
  const state = saved.slice(HEAD_SIZE);
  if (new DataView(saved.buffer, saved.byteOffset).getUint32(TAG_SIZE) !== crc32(state)) {
    throw refused("it is damaged");
  }
  const hasher = new PooledHasher(pool, state);
  try {
    pool.take(hasher, state);
  } catch (error) {
    throw refused("another version of hash-wasm saved it", error);
  }
  return hasher;
}

const TAG_SIZE = 8;
const HEAD_SIZE = TAG_SIZE + 4;

/** Begins every saved state, so that it is not taken for another engine's: 8 ASCII characters. */
const tagOf = (algorithm: DigestAlgorithm): Uint8Array =>
  new TextEncoder().encode(algorithm === "sha256" ? "wasm-256" : "wasm-512");

const refused = (why: string, cause?: unknown): SlipwayError =>
  new SlipwayError("INVALID_ARGUMENT", `Cannot load a hasher: the state is refused, for ${why}`, { cause });
