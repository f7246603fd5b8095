import { withReferences } from "../../../src/index.ts";
import type { Host } from "../../engines/hosts/host.ts";
import { exportFixture, type Facts } from "../export.ts";
import { ALL_SIZES, MANY } from "../fixture.ts";

/** What the program is told. */
export interface DigestsArgument {
  /** Bytes of the fixture's large file. */
  readonly large: number;
}

/** The fixture's export into one set of stores. */
export interface StoreReport {
  readonly store: string;
  readonly facts: Facts;
  readonly seconds: number;
}

/** Exports the fixture into each kind of stores that the host has. */
export async function reportStores(host: Host, { large }: DigestsArgument): Promise<readonly StoreReport[]> {
  const reports: StoreReport[] = [];
  for (const [store, open] of Object.entries(host.stores)) {
    const stores = await open();
    try {
      // In memory there is no room for the large file: it stays where it comes from.
      const content = store === "memory" ? withReferences(stores.content) : stores.content;
      const start = await host.now();
      const { facts } = await exportFixture({ ...stores, content }, { sizes: ALL_SIZES, large, many: MANY });
      reports.push({ store, facts, seconds: ((await host.now()) - start) / 1000 });
    } finally {
      await stores.close();
    }
  }
  return reports;
}
