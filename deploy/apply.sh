#!/bin/sh
# The one-shot `apply` of docker-compose.yml: the bureau's passwords come from the environment and are users of Kafka
# already (deploy/kafka/start.sh), so apply finds their files and draws passwords for the departments only.
set -eu
umask 077
for role in worker connect ledger serve replay; do
    name=$(printf '%s_PASSWORD' "$role" | tr '[:lower:]' '[:upper:]')
    eval "password=\${$name:?}"
    printf '%s\n' "$password" > "$SHUTONG_HOME/secrets/$role.password"
done
exec shutong apply --yes "$@"
