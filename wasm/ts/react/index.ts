/**
 * Hooks for React 18 and later: components show values of a store and are drawn again when these change.
 *
 * ```tsx
 * function Cart() {
 *   const store = useStore();
 *   const items = useValue(store.set<string>("cart"));
 *   return <button onClick={() => store.set("cart").add("milk")}>{items.length} in the cart</button>;
 * }
 *
 * createRoot(element).render(<StoreProvider store={store}><Cart /></StoreProvider>);
 * ```
 *
 * @packageDocumentation
 */
import { createContext, createElement, type ReactElement, type ReactNode, useCallback, useContext, useSyncExternalStore } from "react";

import { CrdtError, type Shown, type Store } from "../index.js";
import type { Present, Sync, SyncStatus } from "../sync/index.js";

const Context = createContext<Store | undefined>(undefined);

/** The store of all components below. Who makes the store frees it. */
export function StoreProvider(props: { readonly store: Store; readonly children?: ReactNode }): ReactElement {
  return createElement(Context.Provider, { value: props.store }, props.children);
}

/**
 * The store of the provider above.
 *
 * @throws {@link CrdtError} `invalid-argument` if there is none.
 */
export function useStore(): Store {
  const store = useContext(Context);
  if (store === undefined) throw new CrdtError("invalid-argument", "there is no StoreProvider above");
  return store;
}

/**
 * What a value shows: the same object until it changes. The component is drawn again when this value changes, and for
 * no other change. The handle may be made anew each time.
 */
export function useValue<S>(value: Shown<S>): S {
  const { store, kind, name } = value;
  // A handle is nothing but these three.
  const watch = useCallback((callback: () => void) => value.watch(callback), [store, kind, name]);
  const snapshot = (): S => value.snapshot();
  return useSyncExternalStore(watch, snapshot, snapshot);
}

/** Whether all is in sync, who is there, how many conflicts there are. */
export function useStatus(sync: Sync): SyncStatus {
  const watch = useCallback((callback: () => void) => sync.subscribe(callback), [sync]);
  const snapshot = (): SyncStatus => sync.snapshot();
  return useSyncExternalStore(watch, snapshot, snapshot);
}

/** What the others show. */
export function usePresence(sync: Sync): readonly Present[] {
  const watch = useCallback((callback: () => void) => sync.presence.subscribe(callback), [sync]);
  const snapshot = (): readonly Present[] => sync.presence.snapshot();
  return useSyncExternalStore(watch, snapshot, snapshot);
}
