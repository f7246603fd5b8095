/** The part of a Node-like `process` that hands out built-in modules without an import, which bundlers would have to resolve. */
interface HostProcess {
  readonly getBuiltinModule?: ((name: string) => unknown) | undefined;
}

/**
 * A module that the host has built in (`node:crypto`), undefined where there is none. The one place that looks at the host: it loads
 * nothing, and who calls it must check what it gets, as bundlers put stand-ins in the place of Node's modules.
 */
export function builtinModule(name: string): unknown {
  const { process } = globalThis as { readonly process?: HostProcess | undefined };
  try {
    return process?.getBuiltinModule?.(name);
  } catch {
    return undefined;
  }
}
