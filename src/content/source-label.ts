/** containerd's label (`pkg/labels/labels.go`), up to the registry's name. */
const SOURCE = "containerd.io/distribution.source.";

/** Key and value of one label together: containerd refuses longer ones. */
const LABEL_LIMIT = 4096;

/**
 * The label that says in which repositories of a registry a blob is known to be, so that a push can mount it from there:
 * `containerd.io/distribution.source.docker.io` is `library/alpine,library/debian`.
 * @param registry as in references: `docker.io`, `localhost:5000`
 */
export function sourceLabel(registry: string): string {
  return SOURCE + registry;
}

/** The repositories of a registry that are known to have a blob: `library/alpine`. @param labels of the blob, from `ContentProvider.info` */
export function sourceRepositories(labels: Readonly<Record<string, string>>, registry: string): readonly string[] {
  return listed(labels[sourceLabel(registry)]);
}

/**
 * The source labels of a blob after it was found in further repositories, each in order and without duplicates, as containerd
 * writes them. One that would become too long stays as it is.
 * @param labels that the blob has
 * @param more labels of the same blob elsewhere; those that are no source labels are passed over
 * @returns what is to be changed; empty if nothing is
 */
export function addedSources(
  labels: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const changes: [string, string][] = [];
  for (const [key, value] of Object.entries(more)) {
    if (!key.startsWith(SOURCE)) continue;
    const joined = [...new Set([...listed(labels[key]), ...listed(value)])].sort().join(",");
    if (joined !== labels[key] && key.length + joined.length <= LABEL_LIMIT) changes.push([key, joined]);
  }
  return Object.fromEntries(changes);
}

function listed(value: string | undefined): readonly string[] {
  return (value ?? "").split(",").filter((repository) => repository !== "");
}
