import type { DigestAlgorithm } from "../oci/digest.ts";

/** What is needed of an `IHasher` of hash-wasm: one instance of a WebAssembly module, with room for one state. */
export interface Engine {
  update(bytes: Uint8Array): unknown;
  /** Ends the state: only `load` may follow. */
  digest(form: "binary"): Uint8Array;
  save(): Uint8Array;
  /** @throws Error for a state of another module */
  load(state: Uint8Array): unknown;
}

/** Who computes on an engine, until another one needs it. */
export interface EngineUser {
  /** The engine is taken away: `state` is what it had for this user. */
  putAside(state: Uint8Array): void;
}

interface Slot {
  readonly engine: Engine;
  user: EngineUser | undefined;
}

/** A few engines shared by any number of users: who used one last keeps it for as long as there are others to take. */
export class EnginePool {
  readonly algorithm: DigestAlgorithm;
  /** The state before the first byte. */
  readonly initialState: Uint8Array;
  /** The one that was used last is the last. */
  readonly #slots: Slot[];

  constructor(algorithm: DigestAlgorithm, engines: readonly Engine[]) {
    const [first] = engines;
    if (first === undefined) throw new RangeError("a pool needs an engine");
    this.algorithm = algorithm;
    this.initialState = first.save();
    this.#slots = engines.map((engine) => ({ engine, user: undefined }));
  }

  /** The engine that has the user's state, if it is still its own. */
  ownedBy(user: EngineUser): Engine | undefined {
    const last = this.#slots.at(-1);
    if (last?.user === user) return last.engine;
    const at = this.#slots.findIndex((slot) => slot.user === user);
    const [slot] = at < 0 ? [] : this.#slots.splice(at, 1);
    if (slot === undefined) return undefined;
    this.#slots.push(slot);
    return slot.engine;
  }

  /**
   * The engine that nobody has used for the longest time, with this state in it.
   * @throws Error if the state is another module's
   */
  take(user: EngineUser, state: Uint8Array): Engine {
    const [slot, ...others] = this.#slots;
    if (slot === undefined) throw new RangeError("a pool needs an engine");
    const { engine } = slot;
    const before = slot.user;
    slot.user = undefined;
    before?.putAside(engine.save());
    engine.load(state);
    slot.user = user;
    this.#slots.splice(0, this.#slots.length, ...others, slot);
    return engine;
  }
}
