import type { CSSProperties, ReactElement, ReactNode, Ref } from "react";
import type {
  ClassName, DataOf, EventName, LocalDataOf, LocalName, MutateArgs, MutateResult, Params, Source, Status, Tiercel, TiercelError,
  WithParams,
} from "./index.js";
import type { TiercelInspector } from "./inspector.js";

export interface TiercelProviderProps {
  /**
   * What `open()` gives, or what it has given; `null` where that is not known yet. Until it is open, what is below shows that it is
   * loading. The same promise in every render, or it is opened again. Where it fails, the error goes to the error boundary above.
   */
  client: Tiercel | PromiseLike<Tiercel> | null;
  children?: ReactNode;
}

/** Whose cache the hooks below it use. */
export function TiercelProvider(props: TiercelProviderProps): ReactElement;

/** The cache of the nearest {@link TiercelProvider}, to call it directly. */
export function useTiercel(): Tiercel | null;

export interface ResourceOptions {
  /** While other parameters load, the data of those before is shown, with `isRefreshing`. */
  keepPrevious?: boolean;
}

/** What is known of a resource. All but `error`, `isLoading`, `isRefreshing` and `refetch` are `undefined` until there is an answer. */
export interface Resource<T> {
  /** The JSON body. Stays while a newer one is asked for, and when that fails. Components share it: do not change it. */
  data: T | undefined;
  status: Status | undefined;
  /** Seconds since the origin made it, when it was read. */
  age: number | undefined;
  source: Source | undefined;
  /** Why, as a stable token; see `Result` of `@tiercel/sdk`. */
  reason: string | undefined;
  /** The `Cache-Status` of every cache on the way (RFC 9211). */
  cacheStatus: string | null | undefined;
  /** What the user should know, such as that an account must be connected again. */
  warning: string | undefined;
  /** Why the last read failed; there may be `data` of one before. */
  error: TiercelError | Error | null;
  /** There is nothing to show yet. */
  isLoading: boolean;
  /** `data` is shown and a newer one is asked for. */
  isRefreshing: boolean;
  /** Asks the network, whatever is stored. */
  refetch: () => Promise<void>;
}

/**
 * Follows a resource of the policy: renders what is stored at once, and again on every change, from any tab. Components
 * that follow the same share one read. `params` is `null` while it is not wanted yet.
 */
export function useResource<C extends ClassName>(
  cls: C,
  ...rest: {} extends Params<C> ? [params?: Params<C> | null, options?: ResourceOptions] : [params: Params<C> | null, options?: ResourceOptions]
): Resource<DataOf<C>>;

export interface Mutation<E extends EventName> {
  /** As `Tiercel.mutate`. It may be left alone: `error` says that it failed. */
  mutate: (...options: MutateArgs<E>) => Promise<MutateResult>;
  isPending: boolean;
  /** Why the last one failed; `null` again when the next begins. */
  error: TiercelError | Error | null;
}

/** A mutation of the policy, and how it goes. */
export function useMutation<E extends EventName>(event: E): Mutation<E>;

/**
 * A value of a local store, how to set it (`undefined` removes it), and whether it is still being read. What is set shows at
 * once, and is taken back when it cannot be written. Renders again when any tab changes it.
 */
export function useLocal<S extends LocalName>(
  store: S,
  key: string,
): [value: LocalDataOf<S> | undefined, set: (value: LocalDataOf<S> | undefined) => Promise<void>, isLoading: boolean];

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "tiercel-inspector": {
        /** React 19 sets it; before, it is set by `ref`. */
        client?: Tiercel | null;
        hidden?: boolean;
        theme?: "dark" | "light";
        onclose?: (event: Event) => void;
        className?: string;
        style?: CSSProperties;
        ref?: Ref<TiercelInspector>;
      };
    }
  }
}
