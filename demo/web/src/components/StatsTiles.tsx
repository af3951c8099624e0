import { bytes } from "../format";
import { useResource } from "../hooks";
import { CATEGORIES, CATEGORY_NAMES } from "../types";
import { TierBadge } from "./TierBadge";

/** What the library holds, in numbers. */
export function StatsTiles() {
  const { reading, error } = useResource("user-stats", {});
  const stats = reading?.data;
  return (
    <section className="stats" aria-labelledby="stats-title" aria-busy={!reading && !error}>
      <header className="section-title">
        <h2 id="stats-title">At a glance</h2>
        <TierBadge answer={reading?.answer} />
      </header>
      {error ? (
        <p className="muted">No statistics on this device yet.</p>
      ) : (
        <dl className="tiles">
          <div className="tile">
            <dt>Files</dt>
            <dd>{stats ? stats.files : "…"}</dd>
          </div>
          <div className="tile">
            <dt>Stored</dt>
            <dd>{stats ? bytes(stats.bytes) : "…"}</dd>
          </div>
          {CATEGORIES.map((category) => {
            const part = stats?.by_category[category];
            return (
              <div key={category} className={`tile of-${category}`}>
                <dt>{CATEGORY_NAMES[category]}</dt>
                <dd>
                  {stats ? (part?.files ?? 0) : "…"} <small>{stats ? bytes(part?.bytes ?? 0) : ""}</small>
                </dd>
                <span className="share" style={{ "--share": stats?.bytes ? (part?.bytes ?? 0) / stats.bytes : 0 } as React.CSSProperties} aria-hidden="true" />
              </div>
            );
          })}
        </dl>
      )}
    </section>
  );
}
