# To be sourced: names the browser in CHROMIUM and its driver in CHROMEDRIVER, and installs them where that is allowed.
# They are empty where they cannot be had.
named=${CHROMIUM:-}

find_chromium() {
  CHROMIUM=${named:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
  CHROMEDRIVER=${CHROMEDRIVER:-$(command -v chromedriver || true)}
}

find_chromium
if [ -z "$CHROMIUM" ] || [ -z "$CHROMEDRIVER" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    # Both, since a driver fits no browser but the one that it comes with; or the browser alone.
    apt-get update -qq && { apt-get install -y -qq chromium chromium-driver || apt-get install -y -qq chromium; } || true
    find_chromium
  fi
fi
export CHROMIUM CHROMEDRIVER
