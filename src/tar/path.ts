/**
 * The shortest path that means the same when read as text: without empty names, `.`, and what `..` takes back, as Go's
 * `path.Clean` makes it. `.` for nothing at all.
 */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    const above = names.length > 0 && names.at(-1) !== "..";
    if (name !== "..") names.push(name);
    else if (above) names.pop();
    else if (!rooted) names.push(name);
  }
  const cleaned = names.join("/");
  if (rooted) return `/${cleaned}`;
  return cleaned === "" ? "." : cleaned;
}
