import { useState } from "react";
import { activity, clearActivity, tally, type Entry, type ReadEntry, type WriteEntry } from "../activity";
import type { CacheStatus } from "../cache-status";
import { age, time, wait } from "../format";
import { useStore } from "../store";
import { inWords, TIER_NAMES, tierOf, TIERS, type Tier } from "../tiers";
import { CloseIcon } from "./icons";

/** The log: what the page asked for, which tier answered, and why. */
export function ActivityPanel({ onClose }: { onClose: () => void }) {
  const entries = useStore(activity);
  const [only, setOnly] = useState<Tier | null>(null);
  const shown = only === null ? entries : entries.filter((entry) => entry.kind === "read" && entry.answer.tier === only);
  return (
    <aside id="activity" className="activity" aria-labelledby="activity-title">
      <header className="activity-head">
        <h2 id="activity-title">What just happened</h2>
        <button type="button" className="link" onClick={clearActivity} disabled={entries.length === 0}>
          Clear
        </button>
        <button type="button" className="button icon" aria-label="Close the panel" onClick={onClose}>
          <CloseIcon size={18} />
        </button>
      </header>
      <Summary entries={entries} only={only} onOnly={setOnly} />
      {shown.length === 0 ? (
        <p className="muted activity-empty">{only === null ? "Nothing yet." : `${TIER_NAMES[only].name} has not answered yet.`}</p>
      ) : (
        <ol className="entries">
          {shown.map((entry) => (
            <li key={entry.id}>
              {entry.kind === "read" && <Read entry={entry} />}
              {entry.kind === "write" && (
                <div className="entry write">
                  <Line at={entry.at} title={`${entry.method} ${entry.path}`} ms={entry.ms} />
                  <p>{becameOf(entry)}</p>
                </div>
              )}
              {entry.kind === "event" && (
                <div className="entry event">
                  <Line at={entry.at} title={`Event: ${entry.event}`} />
                  <p>{entry.names.length === 0 ? "Nothing on this device concerned" : `No longer valid: ${entry.names.join(", ")}`}</p>
                </div>
              )}
            </li>
          ))}
        </ol>
      )}
    </aside>
  );
}

function Summary({ entries, only, onOnly }: { entries: readonly Entry[]; only: Tier | null; onOnly: (tier: Tier | null) => void }) {
  const counts = tally(entries);
  const all = TIERS.reduce((sum, tier) => sum + counts[tier], 0);
  const spared = all === 0 ? null : Math.round(((all - counts.origin) / all) * 100);
  return (
    <div className="summary">
      <p>
        <strong>{spared === null ? "–" : `${spared} %`}</strong> of {all} {all === 1 ? "answer" : "answers"} came without the origin
      </p>
      <div className="proportions" aria-hidden="true">
        {TIERS.map((tier) => counts[tier] > 0 && <span key={tier} className={`tier-${tier}`} style={{ flexGrow: counts[tier] }} />)}
      </div>
      <div className="chips" role="group" aria-label="Show one tier only">
        {TIERS.map((tier) => (
          <button
            key={tier}
            type="button"
            className={`chip tier-${tier}`}
            aria-pressed={only === tier}
            aria-label={`${TIER_NAMES[tier].name}: ${counts[tier]}`}
            title={TIER_NAMES[tier].place}
            onClick={() => onOnly(only === tier ? null : tier)}
          >
            <i aria-hidden="true" />
            {TIER_NAMES[tier].short} <b>{counts[tier]}</b>
          </button>
        ))}
      </div>
    </div>
  );
}

function becameOf({ status, queued }: WriteEntry): string {
  if (queued) return "No network: the Service Worker keeps it, and sends it later";
  return status === null ? "No answer: the server cannot be reached" : `The origin answered ${status}`;
}

function Line({ at, title, ms }: { at: number; title: React.ReactNode; ms?: number }) {
  return (
    <div className="entry-line">
      <span className="entry-title">{title}</span>
      {ms !== undefined && <span className="entry-ms">{wait(ms)}</span>}
      <time dateTime={new Date(at).toISOString()}>{time(at)}</time>
    </div>
  );
}

function Read({ entry: { at, resource, subject, answer } }: { entry: ReadEntry }) {
  return (
    <details className={`entry read tier-${answer.tier}`}>
      <summary>
        <Line
          at={at}
          title={
            <>
              {resource} <span>{subject}</span>
            </>
          }
          ms={answer.ms}
        />
        <div className="entry-line">
          <span className={`tier tier-badge tier-${answer.tier} ${answer.outcome}`}>
            <i aria-hidden="true" />
            {TIER_NAMES[answer.tier].name}
          </span>
          <span className={`outcome ${answer.outcome}`}>{answer.outcome}</span>
          <span className="entry-reason">{answer.reason}</span>
          <span className="entry-age">{age(answer.age)}</span>
        </div>
      </summary>
      <dl className="chain">
        <dt>Why</dt>
        <dd>{inWords(answer.reason)}</dd>
        <dt>Age</dt>
        <dd>{Math.round(answer.age)} s when it came</dd>
        {/* Nearest to the user first, as the request travels. */}
        {answer.chain.toReversed().map((status, i) => (
          <Step key={i} status={status} />
        ))}
      </dl>
    </details>
  );
}

function Step({ status }: { status: CacheStatus }) {
  const said = [
    status.hit ? "hit" : `forwarded${status.fwd === null ? "" : `: ${status.fwd}`}`,
    status.fwdStatus !== null && `origin said ${status.fwdStatus}`,
    status.stored && "stored",
    status.collapsed && "shared another request",
    status.ttl !== null && (status.ttl < 0 ? `stale for ${-status.ttl} s` : `fresh for ${status.ttl} s more`),
    status.detail,
  ];
  return (
    <>
      <dt>
        <i className={`tier tier-${tierOf(status.cache)}`} aria-hidden="true" />
        {status.cache}
      </dt>
      <dd>{said.filter(Boolean).join(" · ")}</dd>
    </>
  );
}
