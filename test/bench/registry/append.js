import { build } from "slipway";
import { createMemoryContentStore } from "slipway/content";
import { createRegistry } from "slipway/registry";

/**
 * Puts one small file on a base at a registry and pushes the result to the same registry.
 * @param {string} base
 * @param {string} name
 */
export async function appendLayer(base, name) {
  const registry = createRegistry();
  await build({
    content: createMemoryContentStore(),
    from: base,
    registry,
    files: { "/srv/hello": "hello\n".repeat(100) },
    options: { name, push: true },
  });
}
