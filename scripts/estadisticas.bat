@echo off
rem Muestra las estadisticas de las conexiones.
setlocal
set "SOLOLINE=%~dp0..\.venv\Scripts\sololine.exe"
if not exist "%SOLOLINE%" set "SOLOLINE=sololine"
"%SOLOLINE%" stats %*
exit /b %errorlevel%
