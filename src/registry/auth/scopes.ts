/** The actions that a scope asks for, by resource; a scope that is not `type:name:actions` stands for itself. */
function parseScopes(scopes: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const resources = new Map<string, Set<string>>();
  for (const scope of scopes.flatMap((text) => text.split(" ")).filter((text) => text !== "")) {
    // Names may have colons: `repository:localhost:5000/hello:pull`.
    const end = scope.lastIndexOf(":");
    const whole = end <= scope.indexOf(":");
    const resource = whole ? scope : scope.slice(0, end);
    const actions = resources.get(resource) ?? new Set();
    for (const action of whole ? [] : scope.slice(end + 1).split(",")) if (action !== "") actions.add(action);
    resources.set(resource, actions);
  }
  return resources;
}

/**
 * The same scopes with all actions of one resource in one, in a fixed order: `repository:a:pull` and `repository:a:push` become
 * `repository:a:pull,push` (distribution's token scopes).
 */
export function mergeScopes(scopes: readonly string[]): readonly string[] {
  return [...parseScopes(scopes)]
    .map(([resource, actions]) => (actions.size === 0 ? resource : `${resource}:${[...actions].sort().join(",")}`))
    .sort();
}

/** Whether who has `held` may do all of `wanted`. */
export function coversScopes(held: readonly string[], wanted: readonly string[]): boolean {
  const has = parseScopes(held);
  for (const [resource, actions] of parseScopes(wanted)) {
    const granted = has.get(resource);
    if (granted === undefined) return false;
    for (const action of actions) if (!granted.has(action)) return false;
  }
  return true;
}
